// What the processes on a GPU do, read through NVML; believes only what can be. Remembers of each
// GPU up to when its samples were read, because NVML tells what is newer than a time.
#pragma once

#include <cstdint>
#include <map>

#include "inventory/nvml_library.hpp"
#include "model/gpu_activity.hpp"

namespace gpuhub::inventory {

class NvmlActivity {
 public:
  // `now_us`: the wall's time, by which NVML stamps its samples. What the driver cannot tell is
  // left out of the answer; the error is of a call that should have worked.
  NvmlResult<model::GpuActivity> read(const NvmlLibrary& library, NvmlLibrary::Device device,
                                      const model::GpuId& gpu, std::uint64_t now_us);

 private:
  void add_samples(const NvmlLibrary& library, NvmlLibrary::Device device,
                   const model::GpuId& gpu, std::uint64_t now_us, model::GpuActivity& into);

  std::map<model::GpuId, std::uint64_t> read_until_;  // stamps of the newest samples
};

}  // namespace gpuhub::inventory
