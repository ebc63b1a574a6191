// The ledger's memory: leases, conflicts and GPUs with the indexes that keep every command cheap.
// Knows no rules about who may do what (ledger.cpp has them), only how to keep the indexes true.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "model/record.hpp"
#include "policy/policy.hpp"

namespace gpuhub::ledger {

using Seq = std::uint64_t;  // a lease's place in granting order

class Books {
 public:
  // ---- leases ----
  const model::Lease* find(const model::LeaseId& id) const;              // null: unknown
  const model::Lease* find(const model::RequestId& id) const;
  const model::Lease* by_container(const model::ContainerId& id) const;  // live ones only
  std::vector<const model::Lease*> live_of(const model::Owner& owner) const;
  std::vector<const model::Lease*> live_on(const model::GpuId& gpu) const;
  std::vector<const model::Lease*> all() const;
  // Adds a new lease, or replaces the one with the same id; keeps every index.
  void put(const model::Lease& lease);
  // Orders the ended leases by the wall time of their ends: after they were read from a store.
  void order_ends();
  // Forgets the leases that ended first, over `keep`; returns their ids.
  std::vector<model::LeaseId> trim(std::size_t keep);
  std::vector<model::LeaseId> overdue(model::Instant at) const;
  std::optional<model::Instant> next_deadline() const;

  // ---- conflicts ----
  std::map<model::ContainerId, model::Conflict> conflicts;

  // ---- GPUs ----
  std::vector<model::Gpu> gpus;  // inventory order, then those that are only in the books
  std::map<model::GpuId, model::GpuSetting> settings;
  model::Gpu* gpu(const model::GpuId& id);  // null: unknown
  // What each GPU carries, `without` left out (a lease about to be replaced).
  std::vector<policy::GpuUse> uses(const std::set<model::LeaseId>& without = {}) const;
  bool held(const model::GpuId& id) const;  // by a live lease or a conflict

 private:
  void index(Seq seq, const model::Lease& lease);
  void unindex(Seq seq, const model::Lease& lease);

  Seq next_ = 1;
  std::map<Seq, model::Lease> leases_;
  std::map<model::LeaseId, Seq> by_id_;
  std::map<model::RequestId, Seq> by_request_;
  std::map<model::Owner, std::set<Seq>> live_by_owner_;
  std::map<model::GpuId, std::set<Seq>> live_by_gpu_;
  std::map<model::ContainerId, Seq> live_by_container_;
  std::set<std::pair<model::Instant, Seq>> unbound_;  // granted, by deadline
  std::uint64_t next_end_ = 1;
  std::map<std::uint64_t, Seq> ended_;                // by the order in which they ended
  std::map<Seq, std::uint64_t> end_of_;
};

}  // namespace gpuhub::ledger
