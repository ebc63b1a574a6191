// Looks at the machine on a thread of its own, because a driver may take its time: which GPUs there
// are, what they are doing, and what CDI specs call them. Tells the loop; decides nothing.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "inventory/cdi.hpp"
#include "inventory/inventory.hpp"
#include "model/gpu.hpp"

namespace gpuhub::daemon {

struct Sight {
  // nullopt: not looked at this time (between two refreshes, or a listed inventory).
  std::optional<std::expected<std::vector<model::GpuInfo>, std::string>> gpus;
  std::map<model::GpuId, model::GpuLoad> loads;
  std::shared_ptr<const inventory::CdiSpecs> cdi;  // null: as before
};

struct WatchTimes {
  std::chrono::milliseconds load{2'000};
  std::chrono::milliseconds refresh{30'000};   // GPUs and CDI specs
  std::chrono::milliseconds retry{5'000};      // after a failure
};

class MachineWatch {
 public:
  // `inventory` null: the GPUs are listed, only CDI specs are read. `tell` is called on the watch's
  // thread, first at once.
  MachineWatch(std::unique_ptr<inventory::Inventory> inventory,
               std::vector<std::string> cdi_folders, WatchTimes times,
               std::function<void(Sight)> tell);
  ~MachineWatch();  // waits for the look under way (bounded by the inventory)
  MachineWatch(const MachineWatch&) = delete;
  MachineWatch& operator=(const MachineWatch&) = delete;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gpuhub::daemon
