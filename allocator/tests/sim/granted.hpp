// For checkers that judge grants: their own book of who holds what and which GPUs are in service,
// made of durable batches only, so that what the daemon has forgotten still counts.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "checker.hpp"

namespace gpuhub::sim {

class Granted : public Checker {
 public:
  Granted(std::string name, const Truth& watched, int default_slots)
      : Checker(std::move(name), watched), default_slots_(default_slots) {}

  void durable(const model::Batch& batch) override {
    for (const auto& record : batch.records) {  // in the order in which they were applied
      if (const auto* lease = std::get_if<model::Lease>(&record)) see(*lease);
      if (const auto* set = std::get_if<model::GpuSetting>(&record)) {
        if (set->slots) slots_.insert_or_assign(set->gpu, *set->slots);
        if (set->drained) drained_.insert_or_assign(set->gpu, *set->drained);
      }
      if (const auto* faulty = std::get_if<model::GpuFaulty>(&record)) faulty_.insert(faulty->gpu);
      if (const auto* good = std::get_if<model::FaultCleared>(&record)) faulty_.erase(good->gpu);
      if (const auto* one = std::get_if<model::Conflict>(&record)) {
        conflicts_.insert_or_assign(one->container, *one);
      }
      if (const auto* end = std::get_if<model::ConflictEnded>(&record)) {
        conflicts_.erase(end->container);
      }
    }
  }
  void store_lost() override {
    live_.clear();
    over_.clear();
    slots_.clear();
    drained_.clear();
    faulty_.clear();
    conflicts_.clear();
  }

 protected:
  // A grant of ours, already in the book: not one that was rebuilt from labels.
  virtual void granted(const model::Lease&) {}
  virtual void before_granted(const model::Lease&) {}  // the same, not yet in the book
  virtual void queued(const model::Lease&) {}          // in the book from now on
  virtual void left_queue(const model::Lease&) {}      // granted or ended

  std::vector<const model::Lease*> on(const model::GpuId& gpu) const {
    std::vector<const model::Lease*> found;
    for (const auto& [id, lease] : live_) {
      if (std::ranges::contains(lease.gpus, gpu)) found.push_back(&lease);
    }
    return found;
  }
  int conflicts_on(const model::GpuId& gpu) const {
    return static_cast<int>(std::ranges::count_if(conflicts_, [&](const auto& entry) {
      return std::ranges::contains(entry.second.gpus, gpu);
    }));
  }
  int slots_of(const model::GpuId& gpu) const {
    const auto known = slots_.find(gpu);
    return known == slots_.end() ? default_slots_ : known->second;
  }
  bool in_service(const model::GpuId& gpu) const {
    const auto drained = drained_.find(gpu);
    return !faulty_.contains(gpu) && (drained == drained_.end() || !drained->second);
  }
  const std::map<model::LeaseId, model::Lease>& live() const { return live_; }

 private:
  void see(const model::Lease& lease) {
    const auto known = live_.find(lease.id);
    const bool was_queued =
        known != live_.end() && known->second.state == model::LeaseState::queued;
    const bool fresh = known == live_.end() && !over_.contains(lease.id);
    const bool grant = lease.holds() && (fresh || was_queued) &&
                       !lease.request.id.str().starts_with("rebuilt.");
    if (was_queued && lease.state != model::LeaseState::queued) left_queue(lease);
    if (grant) before_granted(lease);
    if (lease.live()) {
      live_.insert_or_assign(lease.id, lease);
    } else {
      live_.erase(lease.id);
      over_.insert(lease.id);
    }
    if (grant) granted(lease);
    if (fresh && lease.state == model::LeaseState::queued) queued(lease);
  }

  int default_slots_;
  std::map<model::LeaseId, model::Lease> live_;
  std::set<model::LeaseId> over_;
  std::map<model::GpuId, int> slots_;
  std::map<model::GpuId, bool> drained_;
  std::set<model::GpuId> faulty_;
  std::map<model::ContainerId, model::Conflict> conflicts_;
};

}  // namespace gpuhub::sim
