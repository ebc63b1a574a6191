// The commands of the ledger: what each may do and what it changes. Private to ledger/.
#pragma once

#include <set>

#include "ledger/books.hpp"
#include "ledger/ledger.hpp"

namespace gpuhub::ledger {

using Outcome = std::expected<Applied, Refusal>;

struct Ledger::Rules {
  Rules(const policy::Policy& policy, Settings settings, const model::Contents& contents);

  // ---- leases: lease_rules.cpp ----
  Outcome operator()(const Ask& ask);
  Outcome operator()(const Bind& bind);
  Outcome operator()(const Release& release);
  Outcome operator()(const Expire& expire);

  // ---- what the runtime says: container_rules.cpp ----
  Outcome operator()(const ContainerHolds& holds);
  Outcome operator()(const ContainerGone& gone);

  // ---- GPUs: gpu_rules.cpp ----
  Outcome operator()(const SetInventory& inventory);
  Outcome operator()(const PutListed& listed);
  Outcome operator()(const SetGpu& set);

  // Stores the lease's new state in the books and in `into`.
  void change(const model::Lease& lease, Applied& into);
  // The grant becomes active in this container: by bind, or because the container was seen to run.
  void take_up(model::Lease lease, const model::ContainerId& container, Applied& into);
  void end(model::Lease lease, model::EndReason reason, Applied& into);
  // Our promise: no more leases than slots, exclusive means alone. Asserted after each grant.
  void check_slots(const model::Lease& granted) const;
  void take_inventory(const std::vector<model::GpuInfo>& gpus);
  model::Gpu with_settings(model::GpuInfo info, int index) const;
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
  model::Now now;
};

}  // namespace gpuhub::ledger
