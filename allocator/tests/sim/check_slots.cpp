// Never more leases than slots, and exclusive means alone. Counts by its own book, made of durable
// batches only, so that leases which the daemon has forgotten still count.
#include <algorithm>
#include <format>
#include <utility>

#include "granted.hpp"

namespace gpuhub::sim {
namespace {

class Slots final : public Granted {
 public:
  Slots(const Truth& watched, int default_slots)
      : Granted("slots", watched, default_slots) {}

 private:
  void granted(const model::Lease& lease) override {
    for (const auto& gpu : lease.gpus) {
      const int slots = slots_of(gpu);
      if (std::cmp_greater(on(gpu).size(), slots)) {
        fail(std::format("{} was granted {}, which has {} leases on {} slots", lease.id.str(),
                         gpu.str(), on(gpu).size(), slots));
      }
    }
  }
};

class Exclusive final : public Granted {
 public:
  explicit Exclusive(const Truth& watched) : Granted("exclusive", watched, 0) {}

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
