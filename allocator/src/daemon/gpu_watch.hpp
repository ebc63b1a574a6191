// Looks at the GPUs from a thread of its own, because a driver may take its time: which there are,
// what CDI calls them, and how loaded they are. Tells the loop's thread what it saw.
#pragma once

#include <chrono>
#include <condition_variable>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "inventory/inventory.hpp"
#include "model/gpu.hpp"

namespace gpuhub::daemon {

struct Sighting {
  // Error: the source cannot be asked now, or has lost all GPUs at once, which is the library's
  // fault and not the GPUs'.
  std::expected<std::vector<model::GpuInfo>, std::string> gpus;
  std::map<model::GpuId, std::string> cdi_names;
  std::string cdi_remedy;
  bool worth_restart = false;  // GPUs were seen before, and for `lost_for` not any more
};

class GpuWatch {
 public:
  struct Settings {
    std::chrono::milliseconds look_every{30'000};
    std::chrono::milliseconds look_again{3'000};   // after a failure
    std::chrono::milliseconds load_every{2'000};
    std::chrono::milliseconds lost_for{60'000};
    std::vector<std::string> cdi_folders{"/etc/cdi", "/var/run/cdi"};
  };
  // Both are called on the watch's thread: they post.
  using OnSighting = std::function<void(Sighting)>;
  using OnLoads = std::function<void(std::map<model::GpuId, model::GpuLoad>)>;

  GpuWatch(std::unique_ptr<inventory::Inventory> inventory, Settings settings,
           OnSighting on_sighting, OnLoads on_loads);
  ~GpuWatch();  // waits for the call under way, which is bounded by the inventory

 private:
  void run();
  Sighting look();
  void sample();
  bool sleep(std::chrono::milliseconds time);  // false: it is time to end

  std::unique_ptr<inventory::Inventory> inventory_;
  Settings settings_;
  OnSighting on_sighting_;
  OnLoads on_loads_;
  std::vector<model::GpuInfo> seen_;  // the last good ones
  std::chrono::steady_clock::time_point last_good_{};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  std::thread thread_;                // last: starts when all else stands
};

}  // namespace gpuhub::daemon
