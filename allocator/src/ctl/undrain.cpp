// gpuctl undrain GPU: it is given again.
#include "ctl/gpu_parts.hpp"

namespace gpuhub::ctl {

int undrain(const Common& common, const std::string& gpu) {
  return change_gpu(common, gpu, {{"drain", false}});
}

}  // namespace gpuhub::ctl
