// The commands of the ledger: what each may do and what it changes. Private to ledger/.
#pragma once

#include <set>

#include "ledger/books.hpp"
#include "ledger/ledger.hpp"

namespace gpuhub::ledger {

struct Ledger::Rules {
  Rules(const policy::Policy& policy, Settings settings, const model::Contents& contents);

  // ---- leases: lease_rules.cpp ----
  Outcome operator()(const Ask& ask);
  Outcome operator()(const Bind& bind);
  Outcome operator()(const Release& release);
  Outcome operator()(const Expire& expire);

  // ---- the queue: queue_rules.cpp ----
  Outcome operator()(const Renew& renew);
  Outcome operator()(const Tick& tick);
  // Grants to those who wait, in order, and keeps places for those who have waited long.
  void serve(Applied& into);
  bool long_wait(const model::Lease& lease) const;
  // Places for those who have become long waits since, before somebody new takes them.
  void keep_places_in_time();
  std::size_t long_waits_now() const;
  std::string why_waiting(const model::Lease& lease) const;
  std::optional<model::Instant> next_tick() const;

  // ---- what the runtime says: container_rules.cpp ----
  Outcome operator()(const ContainerHolds& holds);
  Outcome operator()(const ForeignHolds& holds);
  Outcome operator()(const ContainerGone& gone);

  // ---- GPUs: gpu_rules.cpp ----
  Outcome operator()(const SetInventory& inventory);
  Outcome operator()(const PutListed& listed);
  Outcome operator()(const SetGpu& set);
  Outcome operator()(const GpuFaulted& faulted);
  Outcome operator()(const ClearFault& clear);
  Outcome operator()(const SetGranting& granting);

  // Stores the lease's new state in the books and in `into`.
  void change(model::Lease lease, Applied& into);
  bool may_queue(const std::set<model::LeaseId>& without) const;
  model::Lease asked(const model::Request& request, model::Want want);
  void grant(model::Lease lease, std::vector<model::GpuId> gpus, Applied& into);
  // The grant becomes active in this container: by bind, or because the container was seen to run.
  void take_up(model::Lease lease, const model::ContainerId& container, Applied& into);
  void end(model::Lease lease, model::EndReason reason, Applied& into);
  // Live leases that stand in the way of `want`, each once, in index order of their GPUs.
  std::vector<model::LeaseId> in_the_way(const model::Want& want,
                                         const std::set<model::LeaseId>& without) const;
  // Our promise: no more leases than slots, exclusive means alone. Asserted after each grant.
  void check_slots(const model::Lease& granted) const;

  // Replaces the machine; what is held or faulty stays in the books as missing.
  void take_inventory(const std::vector<model::GpuInfo>& gpus);
  void know(const std::vector<model::GpuId>& gpus);  // adds those that the room lacks, as missing
  model::Gpu with_settings(model::GpuInfo info, int index) const;
  void set_fault(const model::GpuId& id, model::FaultState state, Applied& into);
  void clear_fault(const model::GpuId& id, Applied& into);
  void note_vanished(const std::vector<model::GpuInfo>& now_there, Applied& into);
  std::vector<model::GpuId> resolve(const model::GpuClaim& claim) const;

  // Parses the labels of a container whose lease is unknown here; nullopt: not to be believed.
  std::optional<model::Lease> from_labels(const ContainerHolds& holds) const;
  bool may_rebuild(const model::Lease& lease);
  void note_conflict(const ContainerHolds& holds, std::optional<model::LeaseId> lease,
                     const std::vector<model::GpuId>& gpus, Applied& into);

  const policy::Policy& policy;
  Settings settings;
  Books books;
  model::Epoch epoch;
  std::uint64_t next_serial = 1;
  bool granting = false;
  bool room_changed = false;   // since those who wait were last looked at
  std::size_t long_waits = 0;  // at the head of the queue, for whom places are kept
  model::Now now;
  struct Estimates {
    std::optional<model::Instant> made;
    std::map<model::LeaseId, std::optional<Estimate>> of;
  } estimates;  // the last ones made
};

std::unexpected<Refusal> refuse(Reason reason, std::string detail,
                                std::vector<model::LeaseId> blocked_by = {});

}  // namespace gpuhub::ledger
