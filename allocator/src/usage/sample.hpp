// What was measured of the GPUs at one look, with each process's containers. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/ids.hpp"
#include "model/units.hpp"

namespace gpuhub::usage {

struct Process {
  std::uint32_t pid = 0;
  std::optional<model::Mebibytes> memory;
  std::optional<int> sm_percent;  // 0..100
  bool known = true;              // false: nobody can tell whose it is
  std::vector<model::ContainerId> containers;  // that it is in, the outermost first
};

struct GpuSample {
  model::GpuId gpu;
  std::optional<int> util_percent;  // of the whole GPU, 0..100
  std::optional<std::vector<Process>> processes;  // nullopt: the driver does not list them
  bool by_process = false;  // it tells what each did: one without `sm_percent` did nothing
  bool mig = false;         // split into instances
};

using Sample = std::vector<GpuSample>;  // of those GPUs that could be measured

}  // namespace gpuhub::usage
