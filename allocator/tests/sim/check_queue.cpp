// The queue's order, and that nobody starves: who asked first for the same is served first; who has
// waited long is not delayed by anybody who came later; and once all is free, nobody waits.
#include <format>
#include <list>

#include "granted.hpp"

namespace gpuhub::sim {
namespace {

class Queue final : public Granted {
 public:
  Queue(const Truth& watched, int default_slots, model::Duration reserve_after)
      : Granted("queue", watched, default_slots), reserve_after_(reserve_after) {
    for (int n = 0; n < 3; ++n) gpus_.push_back(*model::GpuId::parse(std::format("GPU-{}", n)));
  }

  void durable(const model::Batch& batch) override {
    replaced_.clear();
    for (const auto& record : batch.records) {
      const auto* lease = std::get_if<model::Lease>(&record);
      if (lease != nullptr && lease->reason == model::EndReason::replaced && lease->granted_at) {
        replaced_.insert(lease->request.owner);
      }
    }
    Granted::durable(batch);
    inventories_ = std::exchange(newer_inventories_, truth.inventories);
  }
  void store_lost() override {
    Granted::store_lost();
    waiting_.clear();
  }
  void quiet() override {
    for (const auto& lease : truth.ledger->queue()) {
      fail(std::format("{} still waits, and all is free", lease->id.str()));
    }
  }

 private:
  void queued(const model::Lease& lease) override { waiting_.push_back(lease); }
  void left_queue(const model::Lease& lease) override {
    judge_before_ = lease.id;  // those before it; one that never waited is judged against all
    if (!lease.live()) take_out(lease.id);
  }
  void before_granted(const model::Lease& lease) override {
    // In the place of a grant that he already had he takes nothing from anybody.
    const bool his_own = replaced_.contains(lease.request.owner);
    for (const auto& earlier : waiting_) {
      if (his_own || (judge_before_ && earlier.id == *judge_before_)) break;
      judge(earlier, lease);
    }
    judge_before_.reset();
    take_out(lease.id);
  }
  void take_out(const model::LeaseId& id) {
    std::erase_if(waiting_, [&](const model::Lease& one) { return one.id == id; });
    judge_before_.reset();
  }

  void judge(const model::Lease& earlier, const model::Lease& later) const {
    if (later.gpus.empty() || held_up(earlier)) return;
    const auto name = [](const model::Lease& one) { return one.id.str(); };
    if (earlier.request.want == later.request.want && earlier.request.mode == later.request.mode) {
      fail(std::format("{} was served before {}, which asked for the same earlier", name(later),
                       name(earlier)));
    }
    const auto* some = std::get_if<model::WantCount>(&earlier.request.want);
    const bool waited_long = earlier.asked_at + reserve_after_ <= *later.granted_at;
    // The machine has changed since: what it was when this was granted is not known here.
    if (truth.inventories != inventories_) return;
    if (!waited_long || some == nullptr || earlier.request.mode != model::Mode::shared) return;
    const int wanted = some->count;
    if (std::ranges::count_if(gpus_, [&](const auto& g) { return there(g); }) < wanted) return;
    int before = 0, after = 0;
    for (const auto& gpu : gpus_) {
      const int left = room(gpu);
      const bool taken = std::ranges::contains(later.gpus, gpu);
      const bool alone = taken && later.request.mode == model::Mode::exclusive;
      before += left > 0 ? 1 : 0;
      after += (alone ? 0 : left - (taken ? 1 : 0)) > 0 ? 1 : 0;
    }
    if (after < std::min(before, wanted)) {
      fail(std::format("{} got a place that {} has waited for too long", name(later),
                       name(earlier)));
    }
  }
  // By the end of its owner's own container.
  bool held_up(const model::Lease& lease) const {
    return std::ranges::any_of(live(), [&](const auto& entry) {
      return entry.second.holds() && entry.second.request.owner == lease.request.owner;
    });
  }
  bool there(const model::GpuId& gpu) const {
    return in_service(gpu) && std::ranges::find(gpus_, gpu) - gpus_.begin() < truth.gpus_there;
  }
  int room(const model::GpuId& gpu) const {
    if (!there(gpu)) return 0;
    const auto holders = on(gpu);
    const bool alone = std::ranges::any_of(
        holders, [](const auto* one) { return one->request.mode == model::Mode::exclusive; });
    return alone ? 0 : slots_of(gpu) - static_cast<int>(holders.size()) - conflicts_on(gpu);
  }

  model::Duration reserve_after_;
  std::vector<model::GpuId> gpus_;
  std::list<model::Lease> waiting_;  // in the order of asking
  // That had been told when the last batch but one became durable: since then this one was applied.
  std::uint64_t inventories_ = 0;
  std::uint64_t newer_inventories_ = 0;
  std::set<model::Owner> replaced_;  // whose unbound grant ended in this batch
  std::optional<model::LeaseId> judge_before_;
};

}  // namespace

std::unique_ptr<Checker> queue_checker(const Truth& truth, int default_slots,
                                       model::Duration reserve_after) {
  return std::make_unique<Queue>(truth, default_slots, reserve_after);
}

}  // namespace gpuhub::sim
