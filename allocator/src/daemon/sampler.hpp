// One look at what the GPUs and the processes on them do. Used by the watch, on its thread.
#pragma once

#include <map>
#include <span>

#include "inventory/inventory.hpp"
#include "processes/attribution.hpp"
#include "usage/sample.hpp"

namespace gpuhub::daemon {

class Sampler {
 public:
  // Both are borrowed.
  Sampler(inventory::Inventory& inventory, processes::Processes& processes);

  struct Taken {
    std::map<model::GpuId, model::GpuLoad> loads;
    usage::Sample sample;
    bool complete = true;  // false: some could not be measured; they are missing
  };
  // The daemon's own process is left out: it only looks.
  Taken take(std::span<const model::GpuId> gpus);

 private:
  usage::GpuSample sample_of(const model::GpuId& gpu, const model::GpuLoad& load);
  usage::Process process_of(const model::GpuProcess& process);

  inventory::Inventory& inventory_;
  processes::Attribution attribution_;
  std::uint32_t own_pid_;
};

}  // namespace gpuhub::daemon
