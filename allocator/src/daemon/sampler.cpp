#include "daemon/sampler.hpp"

#include <unistd.h>

#include <utility>

namespace gpuhub::daemon {

Sampler::Sampler(inventory::Inventory& inventory, processes::Processes& processes)
    : inventory_(inventory),
      attribution_(processes),
      own_pid_(static_cast<std::uint32_t>(::getpid())) {}

Sampler::Taken Sampler::take(std::span<const model::GpuId> gpus) {
  Taken out;
  attribution_.begin();
  for (const model::GpuId& gpu : gpus) {
    const auto load = inventory_.load(gpu);
    if (!load) {
      out.complete = false;
      continue;
    }
    out.loads.emplace(gpu, *load);
    out.sample.push_back(sample_of(gpu, *load));
  }
  return out;
}

// Processes that cannot be had now are as good as not told: then what the whole GPU did must do.
usage::GpuSample Sampler::sample_of(const model::GpuId& gpu, const model::GpuLoad& load) {
  usage::GpuSample out{.gpu = gpu, .util_percent = load.gpu_util_percent, .processes = {}};
  const auto activity = inventory_.activity(gpu);
  if (!activity) return out;
  out.by_process = activity->by_process;
  out.mig = activity->mig;
  if (!activity->processes) return out;
  out.processes.emplace();
  for (const model::GpuProcess& process : *activity->processes) {
    if (process.pid != own_pid_) out.processes->push_back(process_of(process));
  }
  return out;
}

usage::Process Sampler::process_of(const model::GpuProcess& process) {
  usage::Process out{.pid = process.pid, .memory = process.memory,
                     .sm_percent = process.sm_percent, .containers = {}};
  if (const auto* containers = attribution_.find(process.pid)) {
    out.containers = *containers;
  } else {
    out.known = false;
  }
  return out;
}

}  // namespace gpuhub::daemon
