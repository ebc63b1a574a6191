// Never more leases than slots, and exclusive means alone. Counts by its own book, made of durable
// batches only, so that leases which the daemon has forgotten still count.
#include <algorithm>
#include <format>
#include <set>
#include <utility>

#include "checker.hpp"

namespace gpuhub::sim {
namespace {

class Granted : public Checker {
 public:
  using Checker::Checker;
  void durable(const model::Batch& batch) override {
    for (const auto& record : batch.records) {  // in the order in which they were applied
      if (const auto* setting = std::get_if<model::GpuSetting>(&record)) set(*setting);
      const auto* lease = std::get_if<model::Lease>(&record);
      if (lease == nullptr) continue;
      const bool fresh = !live_.contains(lease->id) && !over_.contains(lease->id);
      if (lease->live()) {
        live_.insert_or_assign(lease->id, *lease);
        if (fresh) granted(*lease);
      } else {
        live_.erase(lease->id);
        over_.insert(lease->id);
      }
    }
  }

 protected:
  virtual void granted(const model::Lease& lease) = 0;
  virtual void set(const model::GpuSetting&) {}
  std::vector<const model::Lease*> on(const model::GpuId& gpu) const {
    std::vector<const model::Lease*> found;
    for (const auto& [id, lease] : live_) {
      if (std::ranges::contains(lease.gpus, gpu)) found.push_back(&lease);
    }
    return found;
  }

 private:
  std::map<model::LeaseId, model::Lease> live_;
  std::set<model::LeaseId> over_;
};

class Slots final : public Granted {
 public:
  Slots(const Truth& watched, int default_slots)
      : Granted("slots", watched), default_slots_(default_slots) {}

 private:
  void set(const model::GpuSetting& setting) override {
    if (setting.slots) slots_.insert_or_assign(setting.gpu, *setting.slots);
  }
  void granted(const model::Lease& lease) override {
    for (const auto& gpu : lease.gpus) {
      const auto known = slots_.find(gpu);
      const int slots = known == slots_.end() ? default_slots_ : known->second;
      if (std::cmp_greater(on(gpu).size(), slots)) {
        fail(std::format("{} was granted {}, which has {} leases on {} slots", lease.id.str(),
                         gpu.str(), on(gpu).size(), slots));
      }
    }
  }
  int default_slots_;
  std::map<model::GpuId, int> slots_;
};

class Exclusive final : public Granted {
 public:
  explicit Exclusive(const Truth& watched) : Granted("exclusive", watched) {}

 private:
  void granted(const model::Lease& lease) override {
    for (const auto& gpu : lease.gpus) {
      const auto all = on(gpu);
      const bool alone = std::ranges::any_of(
          all, [](const auto* one) { return one->request.mode == model::Mode::exclusive; });
      if (alone && all.size() > 1) {
        fail(std::format("{} was granted {}, which is held alone", lease.id.str(), gpu.str()));
      }
    }
  }
};

}  // namespace

std::unique_ptr<Checker> slots_checker(const Truth& truth, int default_slots) {
  return std::make_unique<Slots>(truth, default_slots);
}
std::unique_ptr<Checker> exclusive_checker(const Truth& truth) {
  return std::make_unique<Exclusive>(truth);
}

}  // namespace gpuhub::sim
