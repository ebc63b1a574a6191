// The books: who holds which GPU. Deterministic: equal inputs give equal events, byte for byte.
// `service` owns the only instance. Not thread-safe. Never does I/O, never reads a clock.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/lease.hpp"
#include "model/record.hpp"
#include "policy/policy.hpp"

namespace gpuhub::ledger {

struct Settings {
  model::HostName host;
  model::Duration bind_timeout{180'000};
  int default_slots = 1;                             // 1..slots_max
  std::map<model::GpuId, model::GpuSetting> gpus;    // [[gpus.override]] of the config
  std::size_t history_max = 10'000;                  // ended leases kept
  std::vector<std::string> default_capabilities{"compute", "utility"};
};

// ---- commands -------------------------------------------------------------------------------
struct Ask { model::Request request; };
struct Bind { model::LeaseId lease; model::ContainerId container; model::Epoch epoch; };
// A hint that the owner is done. Ends an unbound grant; a bound lease becomes `ending`.
struct Release { model::LeaseId lease; };
// The bind timeout is over and the runtime was asked: there is no container that holds it.
struct Expire { model::LeaseId lease; };
// The runtime says: this container holds its GPUs now (running, paused, restarting, or created).
struct ContainerHolds {
  model::ContainerId container;
  std::string name;
  bool started = true;                // false: created only
  std::map<std::string, std::string> labels;
};
// The runtime says: this container holds nothing any more.
struct ContainerGone {
  model::ContainerId container;
  bool exited = false;                // it ended (else: it is not there any more, end unknown)
  std::optional<int> exit_code;
  std::optional<bool> oom_killed;
};
struct SetInventory { std::vector<model::GpuInfo> gpus; };
struct PutListed { std::vector<model::GpuInfo> gpus; };   // SetInventory, and stored
struct SetGpu { model::GpuSetting setting; };
using Command = std::variant<Ask, Bind, Release, Expire, ContainerHolds, ContainerGone,
                             SetInventory, PutListed, SetGpu>;

// ---- results --------------------------------------------------------------------------------
enum class Reason : std::uint8_t {   // one problem `type` each
  no_gpu_free, impossible, owner_active, owner_ending, request_reused, unknown_lease, unknown_gpu,
  lease_state, stale_epoch
};
struct Refusal {
  Reason reason;
  std::string detail;                       // one sentence a person can act on
  std::vector<model::LeaseId> blocked_by;   // whose end makes room, or the lease in the way
};
struct Applied {
  std::vector<model::Record> events;        // what changed, in order; to be stored before anybody
                                            // sees it. May be empty (a retry, a repeated event).
  std::optional<model::LeaseId> lease;      // the lease asked for, bound, released, adopted …
  bool existed = false;                     // Ask: the same request id was answered before
};

class Ledger {
 public:
  // `policy` is borrowed and must outlive the ledger. `contents` is what the store held.
  Ledger(const policy::Policy& policy, Settings settings, const model::Contents& contents);
  ~Ledger();
  Ledger(Ledger&&) noexcept;

  // Applies one command. On Refusal nothing changed. Needs now.at >= the last one (asserted).
  [[nodiscard]] std::expected<Applied, Refusal> apply(const Command& what, model::Now now);

  // ---- reading ----
  const model::Lease* find(const model::LeaseId& id) const;  // null: unknown
  const model::Lease* find(const model::RequestId& id) const;
  const model::Gpu* gpu(const model::GpuId& id) const;       // null: unknown
  std::vector<policy::GpuUse> gpus() const;                  // in index order; pointers live until
                                                             // the next apply()
  std::vector<const model::Lease*> leases() const;           // all kept, by granting order
  std::vector<const model::Lease*> live_on(const model::GpuId& gpu) const;
  std::vector<const model::Conflict*> conflicts() const;
  // Granted leases whose bind timeout is over at `at`.
  std::vector<model::LeaseId> overdue(model::Instant at) const;
  // When the next one will be, if any is granted.
  std::optional<model::Instant> next_deadline() const;
  const model::Epoch& epoch() const;
  std::uint64_t next_serial() const;
  // One line for tests and logs: "gpu0: ana active, bo granted | gpu1: - | conflicts: -".
  std::string show() const;

 private:
  struct Rules;  // the commands; ledger.cpp
  std::unique_ptr<Rules> rules_;
};

}  // namespace gpuhub::ledger
