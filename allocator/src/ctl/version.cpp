// gpuctl version: of this program; the allocator's own is in its image.
#include <boost/json/value.hpp>
#include <print>

#include "ctl/allocator.hpp"
#include "ctl/commands.hpp"

namespace gpuhub::ctl {

int version(const Common& common) {
  if (common.json) {
    print_json({{"gpuctl", GPUHUB_VERSION}});
  } else {
    std::println("gpuctl {}", GPUHUB_VERSION);
  }
  return 0;
}

}  // namespace gpuhub::ctl
