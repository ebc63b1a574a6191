// GPU use that no lease explains. What a container that is not ours says it takes, in the words of
// whoever started it: made by the runtime's adapter. Which GPUs are meant, only the inventory can
// tell. Plain values.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/ids.hpp"
#include "model/units.hpp"

namespace gpuhub::model {

inline constexpr std::size_t claim_words_max = 1024;      // in all; more are taken for `all`
inline constexpr std::size_t claim_word_bytes_max = 160;  // longer ones name no GPU: left out

struct GpuClaim {
  bool all = false;
  int first = 0;                   // the first N by index, as `--gpus 2` asks
  // As given, each once, printable ASCII: UUIDs (the runtime takes their beginnings, too), indices,
  // MIG places ("0:1"), CDI names ("nvidia.com/gpu=GPU-…"). One may name what is no GPU of ours.
  std::vector<std::string> names;
  // Device nodes on the host, "/dev/nvidia0", or a folder of them, "/dev/dri". Any kind of device
  // can stand here but NVIDIA's control nodes: a listed GPU may have nodes of any name.
  std::vector<std::string> nodes;
  // It asks for the capability `utility` and no other: it monitors, it does not compute.
  bool watches = false;
  bool operator==(const GpuClaim&) const = default;
};

// A container that is not ours and says that it takes GPUs.
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
