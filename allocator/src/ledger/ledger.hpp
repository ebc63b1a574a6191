// The books: who holds which GPU, who waits for one. Deterministic: equal inputs give equal events,
// byte for byte. `service` owns the only instance. Not thread-safe. Never does I/O, never reads a
// clock.
#pragma once

#include <memory>
#include <span>

#include "ledger/command.hpp"
#include "ledger/estimate.hpp"
#include "policy/policy.hpp"

namespace gpuhub::ledger {

struct QueueSettings {
  bool enabled = true;                         // false: what does not fit now is refused
  std::size_t max = 100;                       // waiting at once
  model::Duration timeout{24 * 3'600'000};     // the longest wait
  model::Duration renew_timeout{300'000};      // without a sign of life
  model::Duration reserve_after{900'000};      // from then on nobody passes in a way that delays
};

struct Settings {
  model::HostName host;
  model::Duration bind_timeout{180'000};
  int default_slots = 1;                             // 1..slots_max
  std::map<model::GpuId, model::GpuSetting> gpus;    // [[gpus.override]] of the config
  std::size_t history_max = 10'000;                  // ended leases kept, at most
  model::SharedList<std::string> default_capabilities{"compute", "utility"};
  QueueSettings queue;
  bool avoid_foreign = true;                         // no lease on a GPU that others use
  std::vector<std::string> watchers;                 // names, or images without tag, of containers
                                                     // that only watch
  model::Duration fault_quiet{600'000};              // from the last fault to back in service
};

struct Place {             // in the queue
  std::size_t position;    // from 1
  std::size_t of;
  model::Instant renew_by;
  std::string why;         // what it waits for, one sentence
};

class Ledger {
 public:
  // `policy` is borrowed and must outlive the ledger. `contents` is what the store held.
  Ledger(const policy::Policy& policy, Settings settings, const model::Contents& contents);
  ~Ledger();
  Ledger(Ledger&&) noexcept;

  // Applies one command, and grants what fits now to those who wait. On Refusal nothing changed.
  // Needs now.at >= the last one (asserted).
  [[nodiscard]] Outcome apply(const Command& what, model::Now now);

  // ---- leases ----
  const model::Lease* find(const model::LeaseId& id) const;  // null: unknown
  const model::Lease* find(const model::RequestId& id) const;
  std::vector<const model::Lease*> leases() const;           // all kept, in the order of asking
  std::vector<const model::Lease*> live() const;             // the same without ended ones
  std::vector<const model::Lease*> live_on(const model::GpuId& gpu) const;
  // Whose container it is: a live, bound lease. Null: none.
  const model::Lease* by_container(const model::ContainerId& id) const;

  // ---- the queue ----
  std::vector<const model::Lease*> queue() const;            // in order
  std::optional<Place> place_of(const model::LeaseId& id) const;  // nullopt: it does not wait
  // Leases whose end makes room for this one, each once, in index order of their GPUs.
  std::vector<model::LeaseId> in_the_way_of(const model::Lease& lease) const;
  // When it will be granted, from `at` on; nullopt: it does not wait, or nothing is known yet. Made
  // anew for the whole queue at most once a second: see estimate.hpp.
  std::optional<Estimate> estimate(const model::LeaseId& id, model::Instant at) const;

  // ---- GPUs ----
  const model::Gpu* gpu(const model::GpuId& id) const;       // null: unknown
  std::span<const policy::GpuUse> gpus() const;              // in index order; valid until the
                                                             // next apply()
  std::vector<const model::Conflict*> conflicts() const;
  const model::Conflict* conflict(const model::ContainerId& id) const;  // null: none
  std::vector<const model::Foreign*> foreign() const;
  const model::Foreign* foreign(const model::ContainerId& id) const;    // null: none

  // ---- time ----
  // Granted leases whose bind timeout is over at `at`: for Expire.
  std::vector<model::LeaseId> overdue(model::Instant at) const;
  std::optional<model::Instant> next_overdue() const;        // when the next one will be
  std::optional<model::Instant> next_tick() const;           // when Tick has something to do

  bool granting() const;
  const model::Epoch& epoch() const;
  std::uint64_t next_serial() const;
  // One line for tests and logs: "gpu0: ana active, bo granted | gpu1: - | queue: cy".
  std::string show() const;

 private:
  struct Rules;  // the commands; rules.hpp
  std::unique_ptr<Rules> rules_;
};

}  // namespace gpuhub::ledger
