// The inventory of NVIDIA GPUs, as NVML tells it. What the library says is not believed blindly:
// counts, sizes and percentages out of range, bad or repeated UUIDs are errors or left out.
// Like the port: one thread at a time. A call hangs as long as the driver does: see bounded.hpp.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

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
  // May be empty. Called from within gpus() and faults(), on their thread.
  std::function<void(const std::string&)> warn;
  // XIDs that are not the GPU's fault, beside those of which this is known (xid.hpp).
  std::vector<int> ignore_xids{};
  // While a GPU that was there is lost or missing, NVML is begun anew so long after the last time,
  // doubling up to the second: only a new nvmlInit sees what came back, or that it is gone.
  std::chrono::milliseconds reopen_first{10'000};
  std::chrono::milliseconds reopen_most{300'000};
};

// Opens the library at the first call, and again at the next call after a failure: a driver that
// comes later is found without a restart. If the library itself fails, so does the call.
// A GPU that cannot be reached is left out with a warning if it never could; one that was there
// before stays in the list, as it was read then, is told of by faults() as lost, and takes no
// other with it. If all of several are lost at once, the library is not believed: gpus() fails.
// faults() hears of XIDs from the first gpus() on, at once; what is raised before, or while NVML is
// begun anew, is missed.
[[nodiscard]] std::unique_ptr<Inventory> make_nvml_inventory(NvmlOptions options);

}  // namespace gpuhub::inventory
