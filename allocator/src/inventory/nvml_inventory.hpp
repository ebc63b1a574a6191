// The inventory of NVIDIA GPUs, as NVML tells it. What the library says is not believed blindly:
// counts, sizes and percentages out of range, bad or repeated UUIDs are errors or left out.
// Like the port: one thread at a time. A call hangs as long as the driver does: see bounded.hpp.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "inventory/inventory.hpp"

namespace gpuhub::inventory {

inline constexpr unsigned nvml_gpus_max = 64;

struct NvmlOptions {
  std::string library = "libnvidia-ml.so.1";  // for dlopen: a name, or a path
  // The folder of the simulated machine as the engine sees it (nvml_sim_ctl's DIR): each GPU then
  // carries its node and the mounts that show it in a container. Empty: real GPUs, which the
  // drivers cdi and nvidia know how to inject. The mounts are the same for every GPU.
  std::string sim_folder;
  // Told once for each new thing that is wrong but does not stop the rest (a lost GPU, say).
  // May be empty. Called from within gpus(), on its thread.
  std::function<void(const std::string&)> warn;
};

// Opens the library at the first call, and again at the next call after a failure: a driver that
// comes later is found without a restart. A GPU that is lost is left out with a warning; if the
// library itself fails, so does the call.
[[nodiscard]] std::unique_ptr<Inventory> make_nvml_inventory(NvmlOptions options);

}  // namespace gpuhub::inventory
