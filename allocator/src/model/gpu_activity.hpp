// What runs on a GPU, as its driver tells it at one look. Plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "model/units.hpp"

namespace gpuhub::model {

inline constexpr std::size_t gpu_processes_max = 1024;  // per GPU; more are not believed

enum class ProcessKind : std::uint8_t { compute, graphics, mps };

struct GpuProcess {
  std::uint32_t pid = 0;                  // of the host's PID namespace; 0: not told
  ProcessKind kind = ProcessKind::compute;
  std::optional<Mebibytes> memory;        // nullopt: not told, or it cannot be
  std::optional<int> sm_percent;          // 0..100, since the last look; nullopt: not told
  std::optional<std::uint32_t> instance;  // of the GPU, where it is split (MIG)
  bool operator==(const GpuProcess&) const = default;
};

struct GpuActivity {
  // Each process once for each GPU instance. nullopt: the driver does not list them.
  std::optional<std::vector<GpuProcess>> processes;
  bool by_process = false;  // it tells what each did: one without `sm_percent` did nothing
  bool mig = false;         // split into instances: then there is no utilisation at all
  bool operator==(const GpuActivity&) const = default;
};

}  // namespace gpuhub::model
