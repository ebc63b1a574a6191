// The one owner of all change: takes commands, applies them to the ledger, commits in batches
// (group commit), then answers; keeps ledger and runtime in agreement. Has no threads of its own;
// time and the ports' answers are put in. Everything is called on one thread. Deterministic, so
// that a simulation can drive it with doubles.
//
// Nothing derived from a change leaves before the batch that holds it is durable: each reply, also
// of a query or a refusal, waits for the commits of all that was applied before it. A reply with
// nothing to wait for is called from inside the call; one may be made ready before (reply.hpp).
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/runtime.hpp"
#include "service/answers.hpp"
#include "service/pace.hpp"
#include "service/reply.hpp"
#include "store/store.hpp"

namespace gpuhub::service {

struct Settings {
  bool stop_conflicts = false;                 // stop a container that runs under an ended lease
  std::chrono::seconds stop_grace{10};
  model::Duration reconcile_every{60'000};     // full list, besides events
  std::size_t queue_max = 4096;                // commands waiting for one commit; above: too_many
};

// The time, as a port: `at` never goes back and goes on from what the store held.
using Clock = std::function<model::Now()>;

class Service {
 public:
  // Ports are borrowed and must outlive the service. Without a pace every change is committed at
  // once, and what comes while a commit is under way goes in the next one. `on_fatal` is called
  // when memory is ahead of disk (a commit failed): the daemon must stop at once; nothing is
  // answered any more.
  Service(ledger::Ledger ledger, store::Store& store, runtime::Runtime& runtime, Clock clock,
          Settings settings, std::function<void(std::string)> on_fatal, Pace* pace = nullptr);
  ~Service();

  // Runs what is due: bind and queue timeouts, the periodic reconcile, retries of what the engine
  // refused.
  void pump();
  // When pump() must be called at the latest; nullopt: nothing is scheduled.
  std::optional<model::Instant> next_deadline() const;

  void start();                                // subscribes to the runtime; once
  void ask(model::Request request, Reply<LeaseAnswer> reply);
  void bind(ledger::Bind bind, Reply<LeaseAnswer> reply);
  // Answers after the runtime was asked once, so that a container already gone shows as ended.
  void release(model::LeaseId lease, Reply<LeaseAnswer> reply);
  // Whoever waits is still there.
  void renew(model::LeaseId lease, Reply<LeaseAnswer> reply);
  void put_listed(std::vector<model::GpuInfo> gpus, Reply<std::vector<GpuView>> reply);
  // Changes what the setting names; `clear_fault`: back into service at once.
  void set_gpu(model::GpuSetting setting, bool clear_fault, Reply<GpuView> reply);
  // From the inventory's own thread by way of the daemon; error: the inventory cannot be had now
  // (leases stay; no new grants until it is back).
  void set_inventory(std::expected<std::vector<model::GpuInfo>, std::string> gpus);

  // From the inventory's own thread, too: this GPU has failed.
  void gpu_fault(const model::GpuId& gpu, model::GpuFault fault);

  void lease(model::LeaseId id, Reply<LeaseAnswer> reply);
  void leases(const std::function<bool(const model::Lease&)>& keep,
              std::move_only_function<void(std::vector<LeaseAnswer>)> reply);
  void gpus(std::move_only_function<void(std::vector<GpuView>)> reply);
  // For metrics: copies no lease, however many there are.
  void usage(std::move_only_function<void(Usage)> reply);

  // `tell` is called with the records of each batch once it is durable, before its answers. Once.
  void on_durable(std::function<void(const std::vector<model::Record>&)> tell);

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
