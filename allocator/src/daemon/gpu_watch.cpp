#include "daemon/gpu_watch.hpp"

#include <utility>

#include "inventory/cdi.hpp"

namespace gpuhub::daemon {

GpuWatch::GpuWatch(std::unique_ptr<inventory::Inventory> inventory, Settings settings,
                   OnSighting on_sighting, OnLoads on_loads)
    : inventory_(std::move(inventory)),
      settings_(std::move(settings)),
      on_sighting_(std::move(on_sighting)),
      on_loads_(std::move(on_loads)),
      thread_([this] { run(); }) {}

GpuWatch::~GpuWatch() {
  {
    const std::lock_guard lock{mutex_};
    ending_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

bool GpuWatch::sleep(std::chrono::milliseconds time) {
  std::unique_lock lock{mutex_};
  return !wake_.wait_for(lock, time, [this] { return ending_; });
}

void GpuWatch::run() {
  using clock = std::chrono::steady_clock;
  auto next_look = clock::now();
  do {
    if (clock::now() >= next_look) {
      auto sighting = look();
      next_look = clock::now() + (sighting.gpus ? settings_.look_every : settings_.look_again);
      on_sighting_(std::move(sighting));
    }
    sample();
  } while (sleep(settings_.load_every));
}

Sighting GpuWatch::look() {
  using clock = std::chrono::steady_clock;
  Sighting sighting{.gpus = {}, .cdi_names = {}, .cdi_remedy = {}, .worth_restart = false};
  auto gpus = inventory_->gpus();
  if (gpus && gpus->empty() && !seen_.empty()) {
    gpus = std::unexpected(inventory::Error{
        inventory::ErrorKind::failed, "all GPUs vanished at once: the driver or its library fails"});
  }
  if (!gpus) {
    sighting.gpus = std::unexpected(gpus.error().message);
    sighting.worth_restart = !seen_.empty() && clock::now() - last_good_ > settings_.lost_for;
    return sighting;
  }
  seen_ = *gpus;
  last_good_ = clock::now();
  const auto specs = inventory::read_cdi(settings_.cdi_folders);
  for (const auto& gpu : seen_) {
    auto name = inventory::cdi_name(specs, gpu);
    if (name) {
      sighting.cdi_names.emplace(gpu.id, *std::move(name));
    } else {
      sighting.cdi_remedy = std::move(name.error());
    }
  }
  sighting.gpus = *std::move(gpus);
  return sighting;
}

void GpuWatch::sample() {
  std::map<model::GpuId, model::GpuLoad> loads;
  for (const auto& gpu : seen_) {
    if (auto load = inventory_->load(gpu.id)) loads.emplace(gpu.id, *load);
  }
  on_loads_(std::move(loads));
}

}  // namespace gpuhub::daemon
