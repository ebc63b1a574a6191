// gpuctl drain GPU: no new leases on it; those that are there end when they end.
#include "ctl/gpu_parts.hpp"

namespace gpuhub::ctl {

int drain(const Common& common, const std::string& gpu) {
  return change_gpu(common, gpu, {{"drain", true}});
}

}  // namespace gpuhub::ctl
