// Looks at the machine on a thread of its own, because a driver may take its time: which GPUs there
// are, what they and each process on them are doing, what went wrong with them, and what CDI specs
// call them. Between two looks it waits for faults, where the inventory can. Tells the loop;
// decides nothing.
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
#include "processes/processes.hpp"
#include "usage/sample.hpp"

namespace gpuhub::daemon {

struct Sight {
  // nullopt: not looked at this time (between two refreshes, or a listed inventory).
  std::optional<std::expected<std::vector<model::GpuInfo>, std::string>> gpus;
  std::map<model::GpuId, model::GpuLoad> loads;  // as last measured, of all that could be
  std::optional<usage::Sample> sample;           // nullopt: not measured this time
  std::chrono::steady_clock::time_point sampled_at;  // when all of it had been measured
  // What went wrong since the last sight; of GPUs that a sight has shown. Kinds xid and lost: one
  // that vanished is missing from `gpus`.
  inventory::Faults faults;
  std::shared_ptr<const inventory::CdiSpecs> cdi;  // null: as before
};

struct WatchTimes {
  std::chrono::milliseconds load{2'000};
  std::chrono::milliseconds refresh{30'000};   // GPUs and CDI specs
  std::chrono::milliseconds retry{5'000};      // after a failure, also of one GPU
  std::chrono::milliseconds fault_wait{500};   // for faults at a time: the end waits for one
  std::chrono::milliseconds fault_gap{100};    // between two sights, however quickly faults come
};

class MachineWatch {
 public:
  // `inventory` null: the GPUs are listed, only CDI specs are read; `processes`, which may be null
  // then, says whose processes use them. `tell` is called on the watch's thread, first at once.
  MachineWatch(std::unique_ptr<inventory::Inventory> inventory,
               std::unique_ptr<processes::Processes> processes,
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
