// Nothing that was answered is forgotten: it is on disk when the answer leaves, and after every
// start of the daemon; a lease never goes back in its life, and never changes its container.
#include <format>
#include <optional>
#include <set>
#include <utility>

#include "checker.hpp"

namespace gpuhub::sim {
namespace {

class Promise final : public Checker {
 public:
  explicit Promise(const Truth& watched) : Checker("promise", watched) {}

  void durable(const model::Batch& batch) override {
    for (const auto& record : batch.records) {
      if (const auto* forgotten = std::get_if<model::LeaseForgotten>(&record)) {
        const auto at = answered_.find(forgotten->lease);
        // What ended in the batch that forgets it, or before, may be forgotten.
        if (at != answered_.end() && !ended_.contains(forgotten->lease)) {
          fail(std::format("{} was forgotten and had not ended", forgotten->lease.str()));
        }
        answered_.erase(forgotten->lease);
        forgotten_.insert(forgotten->lease);
        // Of a lost store nobody can know that it was forgotten: started again, it is rebuilt.
        const auto ours = std::format("L-{}-", truth.disk.epoch().str());
        if (!forgotten->lease.str().starts_with(ours)) ended_.erase(forgotten->lease);
      } else if (const auto* lease = std::get_if<model::Lease>(&record)) {
        if (!lease->live()) ended_.insert(lease->id);
        if (lease->live() && ended_.contains(lease->id)) {
          fail(std::format("{} lives again", lease->id.str()));
        }
      }
    }
  }
  void answered(const model::Lease& lease) override {
    // Told of while the history was already letting it go: it had ended.
    if (forgotten_.contains(lease.id)) return;
    const auto [at, fresh] = answered_.try_emplace(lease.id, lease);
    if (!fresh && at->second.container && lease.container != at->second.container) {
      fail(std::format("{} has another container", lease.id.str()));
    }
    if (fresh || lease.state > at->second.state) at->second = lease;
    hold(lease.id, at->second, "when it was answered");
  }
  void store_lost() override {
    answered_.clear();
    ended_.clear();
    forgotten_.clear();
  }
  void started() override {
    for (const auto& [id, lease] : answered_) {
      hold(id, lease, "after a start");
      const auto* known = truth.ledger->find(id);
      if (known == nullptr || known->state < lease.state) {
        fail(std::format("{} is not in the ledger", id.str()));
      }
    }
  }

 private:
  void hold(const model::LeaseId& id, const model::Lease& promised, const char* when) const {
    const auto* stored = truth.disk.find(id);
    if (stored == nullptr) {
      if (!ended_.contains(id)) fail(std::format("{} is not on disk {}", id.str(), when));
    } else if (stored->state < promised.state ||
               (promised.holds() && stored->gpus != promised.gpus)) {
      fail(std::format("{} was answered as {} and is stored as {} {}", id.str(),
                       to_string(promised.state), to_string(stored->state), when));
    }
  }

  std::map<model::LeaseId, model::Lease> answered_;  // as it was told, at its furthest
  std::set<model::LeaseId> ended_;
  std::set<model::LeaseId> forgotten_;
};

}  // namespace

std::unique_ptr<Checker> promise_checker(const Truth& truth) {
  return std::make_unique<Promise>(truth);
}

}  // namespace gpuhub::sim
