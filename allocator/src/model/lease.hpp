// Requests and leases. Plain values; the ledger gives them their life.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/gpu.hpp"
#include "model/ids.hpp"
#include "model/maybe_time.hpp"
#include "model/shared_list.hpp"
#include "model/units.hpp"

namespace gpuhub::model {

// Who holds a lease. `hub` is known by the way in, never by what a body says.
struct Owner {
  HubName hub;
  std::string user;    // 1..255 bytes of valid UTF-8 without control characters
  std::string server;  // named server; empty: the default one
  auto operator<=>(const Owner&) const = default;
};

enum class Mode : std::uint8_t { shared, exclusive };  // exclusive: nobody else on these GPUs

struct WantCount { int count = 1; bool operator==(const WantCount&) const = default; };  // >= 1, distinct GPUs
struct WantGpus { std::vector<GpuId> gpus; bool operator==(const WantGpus&) const = default; };
struct WantPositions { std::vector<int> indices; bool operator==(const WantPositions&) const = default; };
struct WantAll { bool operator==(const WantAll&) const = default; };
struct WantNone { bool operator==(const WantNone&) const = default; };
using Want = std::variant<WantCount, WantGpus, WantPositions, WantAll, WantNone>;

struct Request {
  RequestId id;  // one per spawn attempt: the same id returns the same lease
  Owner owner;
  std::vector<std::string> groups;        // the owner's, for show_holders = group
  Want want;
  Mode mode = Mode::shared;
  SharedList<std::string> capabilities;   // driver capabilities; empty: the config's default
  bool wait = false;                      // in the queue, if it does not fit now
};

enum class LeaseState : std::uint8_t { queued, granted, active, ending, ended };
enum class EndReason : std::uint8_t {
  released, expired, cancelled, container_exited, container_gone, revoked, replaced
};

struct Lease {
  LeaseId id;
  Request request;
  HostName host;
  Epoch epoch;
  LeaseState state = LeaseState::granted;
  std::vector<GpuId> gpus;                // empty for WantNone, and while queued
  std::optional<ContainerId> container;   // from bind on
  Instant asked_at;
  MaybeTime<Instant> queue_expires_at;    // of one that had to wait; after this it ends
  MaybeTime<Instant> granted_at;          // nullopt: it still waits, or ended while it waited
  MaybeTime<Instant> bind_expires_at;     // set with granted_at
  MaybeTime<Instant> ended_at;
  WallTime created_wall;                  // asked
  MaybeTime<WallTime> granted_wall;
  MaybeTime<WallTime> bound_wall;
  MaybeTime<WallTime> ended_wall;
  std::optional<EndReason> reason;        // set exactly when ended
  std::optional<int> exit_code;           // of the container, where known
  std::optional<bool> oom_killed;

  bool live() const { return state != LeaseState::ended; }
  bool holds() const { return live() && state != LeaseState::queued; }  // its GPUs are taken
};

// A container that holds GPUs without a live lease that covers it (started again after its lease
// ended). Its GPUs count as taken until it is gone; it never counts as granted by us.
struct Conflict {
  ContainerId container;
  std::string name;
  std::optional<LeaseId> lease;  // the ended one named by its label
  std::vector<GpuId> gpus;
  WallTime since;
};

std::string_view to_string(LeaseState state);
std::string_view to_string(EndReason reason);
std::string_view to_string(FaultKind kind);
std::string_view to_string(Mode mode);
// nullopt on anything else than to_string() gives.
std::optional<LeaseState> parse_lease_state(std::string_view text);
std::optional<EndReason> parse_end_reason(std::string_view text);
std::optional<FaultKind> parse_fault_kind(std::string_view text);
std::optional<Mode> parse_mode(std::string_view text);

}  // namespace gpuhub::model

template <>
struct std::hash<gpuhub::model::Owner> {
  std::size_t operator()(const gpuhub::model::Owner& owner) const noexcept {
    const std::hash<std::string> part;
    return (part(owner.user) * 31 + part(owner.server)) * 31 + owner.hub.hash();
  }
};
