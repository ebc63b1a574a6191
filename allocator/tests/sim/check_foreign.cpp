// What others use is known once things have settled, and nothing is granted on a GPU that the
// daemon knows to be used by others.
#include <format>
#include <set>

#include "granted.hpp"

namespace gpuhub::sim {
namespace {

class Foreign final : public Checker {
 public:
  explicit Foreign(const Truth& watched) : Checker("foreign", watched) {}

  void started() override {
    granted_before_ = granted();
    used_before_ = used();
  }
  void stepped() override {
    if (truth.ledger == nullptr) return;
    auto now = granted();
    auto used_now = used();
    for (const auto& id : now) {
      if (granted_before_.contains(id)) continue;
      const auto* lease = truth.ledger->find(id);
      if (lease == nullptr || lease->request.id.str().starts_with("rebuilt.")) continue;
      for (const auto& gpu : lease->gpus) {
        // Known before this step and after it: much may happen in one step.
        if (used_before_.contains(gpu) && used_now.contains(gpu)) {
          fail(std::format("{} was granted {}, which others use", id.str(), gpu.str()));
        }
      }
    }
    granted_before_ = std::move(now);
    used_before_ = std::move(used_now);
  }
  void settled() override {
    std::set<model::ContainerId> known, run;
    for (const auto* one : truth.ledger->foreign()) known.insert(one->container);
    for (const auto& [id, container] : truth.engine.containers()) {
      const bool holds = runtime::FakeRuntime::holds(container);
      if (holds && !container.names_lease() && container.claim) run.insert(id);
    }
    if (known != run) {
      fail(std::format("{} containers of others use GPUs, and {} are known", run.size(),
                       known.size()));
    }
  }

 private:
  std::set<model::LeaseId> granted() const {
    std::set<model::LeaseId> found;
    if (truth.ledger == nullptr) return found;
    for (const auto* lease : truth.ledger->live()) {
      if (lease->state == model::LeaseState::granted) found.insert(lease->id);
    }
    return found;
  }
  std::set<model::GpuId> used() const {
    std::set<model::GpuId> found;
    if (truth.ledger == nullptr) return found;
    for (const auto& use : truth.ledger->gpus()) {
      if (use.foreign > 0) found.insert(use.gpu->info.id);
    }
    return found;
  }
  std::set<model::LeaseId> granted_before_;
  std::set<model::GpuId> used_before_;
};

}  // namespace

std::unique_ptr<Checker> foreign_checker(const Truth& truth) {
  return std::make_unique<Foreign>(truth);
}

}  // namespace gpuhub::sim
