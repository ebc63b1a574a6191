// No lease is freed while its container holds: a bound lease ends only when the last thing that the
// engine was seen to say about its container, at an inspect after the last event that was told, is
// that it holds nothing. An unbound grant does not expire while a container of it runs that the
// last list could have shown.
#include <format>
#include <set>

#include "checker.hpp"

namespace gpuhub::sim {
namespace {

class Holding final : public Checker {
 public:
  explicit Holding(const Truth& watched) : Checker("holding", watched) {}

  void looked(const model::ContainerId* only) override {
    if (only != nullptr) {
      const auto* container = truth.engine.find(*only);
      holds_.insert_or_assign(*only, container != nullptr && may_hold(*container));
      return;
    }
    running_at_list_.clear();
    for (const auto& [id, container] : truth.engine.containers()) {
      if (runtime::FakeRuntime::holds(container)) running_at_list_.insert(id);
    }
  }
  // Something has happened since the last look: what it showed may not be acted on any more.
  void told(const model::ContainerId& of) override { holds_.insert_or_assign(of, true); }
  void started() override { live_ = live(); }
  void stepped() override {
    if (truth.ledger == nullptr) return;
    auto now = live();
    for (const auto& [id, lease] : live_) {
      if (!now.contains(id)) freed(lease);
    }
    live_ = std::move(now);
  }

 private:
  static bool may_hold(const runtime::Container& container) {
    return runtime::FakeRuntime::holds(container) ||
           container.state == runtime::ContainerState::created;  // bound: it holds from then on
  }
  std::map<model::LeaseId, model::Lease> live() const {
    std::map<model::LeaseId, model::Lease> found;
    if (truth.ledger == nullptr) return found;
    for (const auto* lease : truth.ledger->leases()) {
      if (lease->live()) found.emplace(lease->id, *lease);
    }
    return found;
  }
  void freed(const model::Lease& lease) {
    if (lease.container) {
      const auto at = holds_.find(*lease.container);
      if (at == holds_.end() || at->second) {
        fail(std::format("{} has ended, and its container was last seen to hold", lease.id.str()));
      }
      return;
    }
    const auto* now = truth.ledger->find(lease.id);
    if (now == nullptr || now->reason != model::EndReason::expired) return;
    for (const auto& [id, container] : truth.engine.containers()) {
      const auto label = container.labels.find("gpuhub.lease");
      if (label == container.labels.end() || label->second != lease.id.str()) continue;
      if (running_at_list_.contains(id) && runtime::FakeRuntime::holds(container)) {
        fail(std::format("{} has expired, and a container of it runs", lease.id.str()));
      }
    }
  }

  std::map<model::ContainerId, bool> holds_;         // by the last look at each
  std::set<model::ContainerId> running_at_list_;     // by the last list
  std::map<model::LeaseId, model::Lease> live_;
};

}  // namespace

std::unique_ptr<Checker> holding_checker(const Truth& truth) {
  return std::make_unique<Holding>(truth);
}

}  // namespace gpuhub::sim
