// The ledger's memory: leases, the queue, conflicts, foreign use and what the GPUs carry, with the
// indexes that keep every command cheap. Knows no rules about who may do what (rules.hpp), only how
// to keep the indexes true.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <vector>

#include "ledger/history.hpp"
#include "model/claim.hpp"
#include "model/lookup.hpp"
#include "model/record.hpp"
#include "policy/room.hpp"

namespace gpuhub::ledger {

using Seq = std::uint64_t;  // a lease's place in the order of asking

class Books {
 public:
  Books(const policy::Policy& policy, bool avoid_foreign) : room(policy, avoid_foreign) {}

  // ---- leases ----
  const model::Lease* find(const model::LeaseId& id) const;              // null: unknown
  const model::Lease* find(const model::RequestId& id) const;
  const model::Lease* by_container(const model::ContainerId& id) const;  // live ones only
  std::vector<const model::Lease*> live_of(const model::Owner& owner) const;
  std::vector<const model::Lease*> live_on(const model::GpuId& gpu) const;
  std::vector<const model::Lease*> all() const;
  std::vector<const model::Lease*> live() const;
  std::size_t live_count() const { return live_count_; }
  // Adds a new lease, or replaces the one with the same id; keeps every index, and the room. Its
  // GPUs must be known there.
  void put(const model::Lease& lease);
  // Orders the ended leases by the wall time of their ends: after they were read from a store.
  void order_ends();
  // Forgets the leases that ended first, over `keep`; returns their ids.
  // Not one by one but some at a time, so that the store frees whole pages.
  std::vector<model::LeaseId> trim(std::size_t keep);
  std::vector<model::LeaseId> overdue(model::Instant at) const;  // unbound, and time is over
  std::optional<model::Instant> next_overdue() const;

  // ---- the queue: in the order of asking ----
  const std::set<Seq>& queue() const { return queue_; }
  const model::Lease& at(Seq seq) const { return leases_.at(seq); }
  std::optional<std::size_t> position(const model::LeaseId& id) const;  // from 1
  void renew(const model::LeaseId& id, model::Instant until);           // of one that waits
  std::optional<model::Instant> renew_by(const model::LeaseId& id) const;
  std::vector<model::LeaseId> waited_out(model::Instant at) const;      // too long, or not renewed
  std::optional<model::Instant> next_waited_out() const;

  // ---- what no lease covers; the room counts it ----
  const std::map<model::ContainerId, model::Conflict>& conflicts() const { return conflicts_; }
  bool add(const model::Conflict& conflict);              // false: known already
  bool remove_conflict(const model::ContainerId& id);     // false: there was none
  const std::map<model::ContainerId, model::Foreign>& foreign() const { return foreign_; }
  void put(const model::Foreign& foreign);                // its GPUs must be known to the room
  bool remove_foreign(const model::ContainerId& id);

  // ---- GPUs ----
  policy::Room room;
  std::map<model::GpuId, model::GpuSetting> settings;
  std::map<model::GpuId, model::FaultState> faults;
  bool held(const model::GpuId& id) const;                // by a live lease or a conflict

  History history;                                        // how long leases have lasted

 private:
  using Leases = std::map<Seq, model::Lease>;
  // Where a lease stands: in leases_, where it does not move.
  struct Row {
    Leases::iterator at;
    Seq seq() const { return at->first; }
    model::Lease& lease() const { return at->second; }
  };
  void index(const Row& row);
  void unindex(const Row& row);
  model::Instant patience(Seq seq, const model::Lease& lease) const;

  Seq next_ = 1;
  Leases leases_;
  model::Lookup<model::LeaseId, Row> by_id_;
  model::Lookup<model::RequestId, Row> by_request_;
  using Seqs = std::vector<Seq>;                          // ascending; of one owner or GPU: few
  model::Lookup<model::Owner, Seqs> live_by_owner_;
  model::Lookup<model::GpuId, Seqs> live_by_gpu_;
  model::Lookup<model::ContainerId, Row> live_by_container_;
  std::size_t live_count_ = 0;
  std::set<std::pair<model::Instant, Seq>> unbound_;      // granted, by deadline
  std::set<Seq> queue_;
  std::map<Seq, model::Instant> renew_by_;                // of those that wait
  std::set<std::pair<model::Instant, Seq>> patience_;     // of those that wait, by deadline
  std::deque<Row> ended_;                                 // in the order in which they ended
  std::map<model::ContainerId, model::Conflict> conflicts_;
  std::map<model::ContainerId, model::Foreign> foreign_;
};

}  // namespace gpuhub::ledger
