// What the processes on a GPU do, read through NVML; believes only what can be. Remembers of each
// GPU up to when its samples were read, because NVML tells what is newer than a time, and the last
// of them: a look may come before there is a newer one.
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
  struct Told {
    std::uint64_t until = 0;                        // stamp of the newest sample
    std::map<std::uint32_t, int> percents{};        // of those with that look
  };
  void add_samples(const NvmlLibrary& library, NvmlLibrary::Device device,
                   const model::GpuId& gpu, std::uint64_t now_us, model::GpuActivity& into);

  std::map<model::GpuId, Told> told_;
};

}  // namespace gpuhub::inventory
