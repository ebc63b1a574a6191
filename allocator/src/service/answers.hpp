// What the service answers and counts. Plain values, copied out of the ledger.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ledger/ledger.hpp"

namespace gpuhub::service {

enum class Refused : std::uint8_t { by_ledger, not_ready, too_many };
struct Refusal {
  Refused kind = Refused::by_ledger;
  std::optional<ledger::Refusal> ledger;       // set for by_ledger
  std::string detail;                          // for not_ready, too_many: what and what to do
  std::vector<model::Lease> blocked_by;        // the leases that the ledger's refusal names, copied
};

// Of a lease that waits.
struct Waiting {
  ledger::Place place;
  std::optional<ledger::Estimate> estimate;    // from now; nullopt: nothing is known
  std::vector<model::Lease> blocked_by;        // whose end makes room
};

struct LeaseAnswer {
  model::Lease lease;
  std::vector<model::Gpu> gpus;                // of the lease, in its order
  bool existed = false;
  std::optional<Waiting> waiting;              // set exactly while it is queued
};

struct GpuView {
  model::Gpu gpu;
  int leases_used = 0;
  bool exclusive = false;
  std::vector<model::Lease> leases;            // live ones on it
  std::vector<model::Conflict> conflicts;
  std::vector<model::Foreign> foreign;         // use by containers that are not ours
};

// How much of the machine is used, without naming who uses it.
struct Usage {
  std::vector<GpuView> gpus;                   // `leases` is left out
  std::map<model::LeaseState, std::uint64_t> leases;  // live ones, by state
};

struct Check { std::string name; bool ok = false; std::string detail; };

// Counters since start, for metrics. Plain numbers; read at any time on the pumping thread.
inline constexpr std::array end_latency_bounds_ms{5, 10, 25, 50, 100, 250, 500, 1000, 5000};
struct Counters {
  std::uint64_t granted = 0, queued = 0, refused = 0, commits = 0, records = 0, gpu_faults = 0;
  std::uint64_t events = 0, reconciles = 0, runtime_errors = 0, conflicts_seen = 0;
  std::array<std::uint64_t, 7> ended_by_reason{};  // by EndReason
  // From the engine's time of a container's end to the committed end of its lease. Cumulative by
  // end_latency_bounds_ms; what took longer is in the count only.
  std::array<std::uint64_t, end_latency_bounds_ms.size()> end_latency_buckets{};
  std::uint64_t end_latency_count = 0;
  std::int64_t end_latency_sum_ms = 0;
};

}  // namespace gpuhub::service
