// What can be told to the ledger, and what it answers. Plain values.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/claim.hpp"
#include "model/lease.hpp"
#include "model/record.hpp"

namespace gpuhub::ledger {

// ---- from owners ----
struct Ask { model::Request request; };
struct Bind { model::LeaseId lease; model::ContainerId container; model::Epoch epoch; };
// A hint that the owner is done. Ends what waits or is unbound; a bound lease becomes `ending`.
struct Release { model::LeaseId lease; };
// Who waits is still there. Not stored: after a restart everybody has the whole time again.
struct Renew { model::LeaseId lease; };

// ---- from time ----
// The bind timeout is over and the runtime was asked: there is no container that holds it.
struct Expire { model::LeaseId lease; };
// Does what is due at this time and needs no answer of the runtime: requests that have waited too
// long or were not renewed end, places are kept for those that waited long, faults clear.
struct Tick {};

// ---- from the runtime ----
// This container of ours holds its GPUs now (running, paused, restarting, or created).
struct ContainerHolds {
  model::ContainerId container;
  std::string name;
  bool started = true;                // false: created only
  std::map<std::string, std::string> labels;
};
// This container, which is not ours, runs and says that it uses GPUs.
struct ForeignHolds {
  model::ContainerId container;
  std::string name, image;
  model::GpuClaim claim;
};
// This container holds nothing any more.
struct ContainerGone {
  model::ContainerId container;
  bool exited = false;                // it ended (else: it is not there any more, end unknown)
  std::optional<int> exit_code;
  std::optional<bool> oom_killed;
};

// ---- from the inventory and the admin ----
struct SetInventory { std::vector<model::GpuInfo> gpus; };  // what is not there has vanished
struct PutListed { std::vector<model::GpuInfo> gpus; };     // the admin's list, stored
struct SetGpu { model::GpuSetting setting; };
struct GpuFaulted { model::GpuId gpu; model::GpuFault fault; };
struct ClearFault { model::GpuId gpu; };
// May GPUs be granted? Not until the runtime was asked what runs and the inventory was read; asks
// are refused meanwhile by `service`, who waits goes on waiting. Not stored; false at first.
struct SetGranting { bool on = false; };

using Command = std::variant<Ask, Bind, Release, Renew, Expire, Tick, ContainerHolds, ForeignHolds,
                             ContainerGone, SetInventory, PutListed, SetGpu, GpuFaulted, ClearFault,
                             SetGranting>;

enum class Reason : std::uint8_t {   // one problem `type` each
  no_gpu_free, queue_full, impossible, owner_active, owner_ending, request_reused, unknown_lease,
  unknown_gpu, lease_state, stale_epoch
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
using Outcome = std::expected<Applied, Refusal>;

}  // namespace gpuhub::ledger
