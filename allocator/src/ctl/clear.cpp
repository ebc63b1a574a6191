// gpuctl clear GPU: the admin says that it is well again, before its quiet time is over.
#include "ctl/gpu_parts.hpp"

namespace gpuhub::ctl {

int clear(const Common& common, const std::string& gpu) {
  return change_gpu(common, gpu, {{"clear_fault", true}});
}

}  // namespace gpuhub::ctl
