#include "daemon/machine_watch.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

#include "daemon/sampler.hpp"

namespace gpuhub::daemon {

using Steady = std::chrono::steady_clock;

struct MachineWatch::State {
  std::unique_ptr<inventory::Inventory> inventory;
  std::unique_ptr<processes::Processes> processes;
  std::optional<Sampler> sampler;       // with an inventory
  std::vector<std::string> cdi_folders;
  WatchTimes times;
  std::function<void(Sight)> tell;
  std::vector<model::GpuId> known;      // whose load is measured
  std::map<model::GpuId, model::GpuLoad> loads;
  Steady::time_point refresh_at{};      // due at once
  Steady::time_point refreshed_at{};
  std::mutex mutex;
  std::condition_variable_any wake;
  std::jthread thread;                  // last: ends before what it uses

  void refresh(Sight& sight) {
    sight.cdi = std::make_shared<inventory::CdiSpecs>(inventory::read_cdi(cdi_folders));
    refreshed_at = Steady::now();
    refresh_at = refreshed_at + times.refresh;
    if (!inventory) return;
    auto gpus = inventory->gpus();
    known.clear();
    if (gpus) {
      for (const model::GpuInfo& gpu : *gpus) known.push_back(gpu.id);
      sight.gpus = std::move(*gpus);
    } else {
      sight.gpus = std::unexpected{std::move(gpus.error().message)};
      refresh_at = Steady::now() + times.retry;
    }
  }

  void measure(Sight& sight) {
    if (!sampler) return;
    auto taken = sampler->take(known);
    // A GPU or the library is gone: look at all of it soon, not each time if it stays so.
    if (!taken.complete) refresh_at = std::min(refresh_at, refreshed_at + times.retry);
    loads = std::move(taken.loads);
    sight.sample = std::move(taken.sample);
    sight.sampled_at = Steady::now();
  }

  void look() {
    Sight sight;
    if (Steady::now() >= refresh_at) refresh(sight);
    measure(sight);
    sight.loads = loads;
    sight.faults = faults(std::chrono::milliseconds{0});
    tell(std::move(sight));
  }

  inventory::Faults faults(std::chrono::milliseconds wait) {
    if (!inventory) return {};
    return inventory->faults(wait).value_or(inventory::Faults{});
  }

  void pause(const std::stop_token& stop, Steady::time_point until) {
    std::unique_lock lock{mutex};
    wake.wait_until(lock, stop, until, [] { return false; });
  }

  // Until the next look, telling faults as they come. An inventory that comes back sooner than it
  // was asked to, without any, is asked again when the time is over.
  void wait_for_faults(const std::stop_token& stop, Steady::time_point until) {
    while (!stop.stop_requested() && Steady::now() < until) {
      const auto slice_end = std::min(until, Steady::now() + times.fault_wait);
      Sight sight;
      sight.faults = faults(
          std::chrono::ceil<std::chrono::milliseconds>(slice_end - Steady::now()));
      if (sight.faults.empty()) {
        pause(stop, slice_end);
        continue;
      }
      sight.loads = loads;
      tell(std::move(sight));
      pause(stop, Steady::now() + times.fault_gap);
    }
  }

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      look();
      wait_for_faults(stop, Steady::now() + times.load);
    }
  }
};

MachineWatch::MachineWatch(std::unique_ptr<inventory::Inventory> inventory,
                           std::unique_ptr<processes::Processes> processes,
                           std::vector<std::string> cdi_folders, WatchTimes times,
                           std::function<void(Sight)> tell)
    : state_(std::make_unique<State>()) {
  state_->inventory = std::move(inventory);
  state_->processes = std::move(processes);
  if (state_->inventory) state_->sampler.emplace(*state_->inventory, *state_->processes);
  state_->cdi_folders = std::move(cdi_folders);
  state_->times = times;
  state_->tell = std::move(tell);
  state_->thread = std::jthread{[state = state_.get()](const std::stop_token& stop) {
    state->run(stop);
  }};
}

MachineWatch::~MachineWatch() = default;

}  // namespace gpuhub::daemon
