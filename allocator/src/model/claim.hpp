// GPU use that no lease explains: what a container that is not ours takes, in the words of whoever
// started it. Plain values.
#pragma once

#include <string>
#include <vector>

#include "model/ids.hpp"
#include "model/units.hpp"

namespace gpuhub::model {

struct GpuClaim {
  bool all = false;
  int first = 0;                   // the first so many, by index: `--gpus 2`
  std::vector<std::string> names;  // UUIDs, indices, qualified CDI names, as given
  std::vector<std::string> nodes;  // "/dev/nvidia0"
  bool watches = false;            // asks for `utility` only: it monitors, and does not compute
  bool operator==(const GpuClaim&) const = default;
};

// A container that holds GPUs without a label of ours.
struct Foreign {
  ContainerId container;
  std::string name;
  std::string image;
  GpuClaim claim;
  bool watches = false;            // by its claim, or because the admin says so: it does not count
  std::vector<GpuId> gpus;         // of this machine's inventory, as far as the claim is understood
  WallTime since;                  // first seen
};

}  // namespace gpuhub::model
