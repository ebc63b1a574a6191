// The one owner of all change: takes commands, applies them to the ledger, commits in batches
// (group commit), then answers; keeps ledger and runtime in agreement. Has no threads of its own;
// time and the ports' answers are put in. Everything is called on one thread. Deterministic, so
// that a simulation can drive it with doubles.
//
// Nothing derived from a change leaves before the batch that holds it is durable: each reply, also
// of a query or a refusal, waits for the commits of all that was applied before it. A reply with
// nothing to wait for is called from inside the call.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ledger/ledger.hpp"
#include "runtime/runtime.hpp"
#include "store/store.hpp"

namespace gpuhub::service {

struct Settings {
  bool stop_conflicts = false;                 // stop a container that runs under an ended lease
  std::chrono::seconds stop_grace{10};
  model::Duration reconcile_every{60'000};     // full list, besides events
  std::size_t queue_max = 4096;                // commands waiting for one commit; above: too_many
};

enum class Refused : std::uint8_t { by_ledger, not_ready, too_many };
struct Refusal {
  Refused kind = Refused::by_ledger;
  std::optional<ledger::Refusal> ledger;       // set for by_ledger
  std::string detail;                          // for not_ready, too_many: what and what to do
  std::vector<model::Lease> blocked_by;        // the leases that the ledger's refusal names, copied
};

struct LeaseAnswer {
  model::Lease lease;
  std::vector<model::Gpu> gpus;                // of the lease, in its order
  bool existed = false;
};

struct GpuView {
  model::Gpu gpu;
  int leases_used = 0;
  bool exclusive = false;
  std::vector<model::Lease> leases;            // live ones on it
  std::vector<model::Conflict> conflicts;
};

struct Check { std::string name; bool ok = false; std::string detail; };

// Counters since start, for metrics. Plain numbers; read at any time on the pumping thread.
inline constexpr std::array end_latency_bounds_ms{5, 10, 25, 50, 100, 250, 500, 1000, 5000};
struct Counters {
  std::uint64_t granted = 0, refused = 0, commits = 0, records = 0;
  std::uint64_t events = 0, reconciles = 0, runtime_errors = 0, conflicts_seen = 0;
  std::array<std::uint64_t, 7> ended_by_reason{};  // by EndReason
  // From the engine's time of a container's end to the committed end of its lease. Cumulative by
  // end_latency_bounds_ms; what took longer is in the count only.
  std::array<std::uint64_t, end_latency_bounds_ms.size()> end_latency_buckets{};
  std::uint64_t end_latency_count = 0;
  std::int64_t end_latency_sum_ms = 0;
};

// The time, as a port: `at` never goes back and goes on from what the store held.
using Clock = std::function<model::Now()>;

template <typename T>
using Reply = std::move_only_function<void(std::expected<T, Refusal>)>;

class Service {
 public:
  // Ports are borrowed and must outlive the service. `on_fatal` is called when memory is ahead of
  // disk (a commit failed): the daemon must stop at once; nothing is answered any more.
  Service(ledger::Ledger ledger, store::Store& store, runtime::Runtime& runtime, Clock clock,
          Settings settings, std::function<void(std::string)> on_fatal);
  ~Service();

  // Runs what is due: bind timeouts, the periodic reconcile, retries of what the engine refused.
  void pump();
  // When pump() must be called at the latest; nullopt: nothing is scheduled.
  std::optional<model::Instant> next_deadline() const;

  void start();                                // subscribes to the runtime; once
  void ask(model::Request request, Reply<LeaseAnswer> reply);
  void bind(ledger::Bind bind, Reply<LeaseAnswer> reply);
  // Answers after the runtime was asked once, so that a container already gone shows as ended.
  void release(model::LeaseId lease, Reply<LeaseAnswer> reply);
  void put_listed(std::vector<model::GpuInfo> gpus, Reply<std::vector<GpuView>> reply);
  void set_gpu(model::GpuSetting setting, Reply<GpuView> reply);
  // From the inventory's own thread by way of the daemon; error: the inventory cannot be had now
  // (leases stay; no new grants until it is back).
  void set_inventory(std::expected<std::vector<model::GpuInfo>, std::string> gpus);

  void lease(model::LeaseId id, Reply<LeaseAnswer> reply);
  void leases(const std::function<bool(const model::Lease&)>& keep,
              std::move_only_function<void(std::vector<LeaseAnswer>)> reply);
  void gpus(std::move_only_function<void(std::vector<GpuView>)> reply);

  std::vector<Check> readiness() const;        // store, inventory, runtime
  const Counters& counters() const;
  const ledger::Ledger& ledger() const;        // for checkers and tests: may be ahead of disk
  bool reconciled() const;                     // since the last connect
  runtime::Capabilities runtime_capabilities() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gpuhub::service
