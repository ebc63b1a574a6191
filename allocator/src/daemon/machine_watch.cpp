#include "daemon/machine_watch.hpp"

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

namespace gpuhub::daemon {

using Steady = std::chrono::steady_clock;

struct MachineWatch::State {
  std::unique_ptr<inventory::Inventory> inventory;
  std::vector<std::string> cdi_folders;
  WatchTimes times;
  std::function<void(Sight)> tell;
  std::vector<model::GpuId> known;      // whose load is measured
  Steady::time_point refresh_at{};      // due at once
  std::mutex mutex;
  std::condition_variable_any wake;
  std::jthread thread;                  // last: ends before what it uses

  void refresh(Sight& sight) {
    sight.cdi = std::make_shared<inventory::CdiSpecs>(inventory::read_cdi(cdi_folders));
    refresh_at = Steady::now() + times.refresh;
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
    if (!inventory) return;
    for (const model::GpuId& gpu : known) {
      if (auto load = inventory->load(gpu)) {
        sight.loads.emplace(gpu, *load);
      } else {
        refresh_at = Steady::now();  // a GPU or the library is gone: look at all of it next time
      }
    }
  }

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      Sight sight;
      if (Steady::now() >= refresh_at) refresh(sight);
      measure(sight);
      tell(std::move(sight));
      std::unique_lock lock{mutex};
      wake.wait_for(lock, stop, times.load, [] { return false; });
    }
  }
};

MachineWatch::MachineWatch(std::unique_ptr<inventory::Inventory> inventory,
                           std::vector<std::string> cdi_folders, WatchTimes times,
                           std::function<void(Sight)> tell)
    : state_(std::make_unique<State>()) {
  state_->inventory = std::move(inventory);
  state_->cdi_folders = std::move(cdi_folders);
  state_->times = times;
  state_->tell = std::move(tell);
  state_->thread = std::jthread{[state = state_.get()](const std::stop_token& stop) {
    state->run(stop);
  }};
}

MachineWatch::~MachineWatch() = default;

}  // namespace gpuhub::daemon
