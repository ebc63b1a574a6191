// What nvml_sim_ctl does: makes the folder of a simulated machine, changes its load and lets its
// hardware and driver fail. Layout of the folder: state/{machine.json,load.json,xids.json},
// dev/nvidia<minor>, lib/libnvidia-ml.so.1.
// One writer at a time (a lock file guards changes); readers need no lock.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "nvml_sim/machine.hpp"

namespace gpuhub::nvml_sim {

struct MachineSpec {
  unsigned gpus = 0;         // 1..64
  std::string model{};       // key of a model
  unsigned major = 0;        // of the nodes
  unsigned host_number = 0;  // 0..65535; makes UUIDs of several hosts differ
  std::string driver_version = "550.163.01";
  int cuda_version = 12040;
};

// The machine with UUIDs GPU-51d00000-0000-4000-8000-<host, 4 digits><index, 8 digits>.
[[nodiscard]] std::expected<Machine, std::string> make_machine(const MachineSpec& spec);

// Brings the folder to this machine; what is right already is left alone, so it can be repeated.
// The load of GPUs that stay is kept. Nodes of GPUs that are no more are removed. `library`, if
// not empty, is copied in one step. `make_nodes` needs CAP_MKNOD. On error: what was done stays.
[[nodiscard]] std::expected<void, std::string> init_folder(const std::string& folder,
                                                           const Machine& machine,
                                                           const std::string& library,
                                                           bool make_nodes);

// What to change of one GPU's load; absent: stays.
struct LoadChange {
  std::optional<unsigned> gpu_util{};
  std::optional<unsigned> mem_util{};
  std::optional<std::uint64_t> memory_used_mib{};
  std::optional<bool> lost{};
  std::optional<Process> add_process{};  // replaces the one with the same pid
  std::optional<unsigned> end_process{};  // its pid; no effect if there is none
  std::optional<Quirks> quirks{};         // these and no other
  bool clear = false;  // to idle and not lost, before the rest is applied; a plug stays as it is
};

// `gpu` is a UUID or a minor number of machine.json.
[[nodiscard]] std::expected<void, std::string> change_load(const std::string& folder,
                                                           std::string_view gpu,
                                                           const LoadChange& change);

// The failures. `gpu` as above, or "all".
// Raises a critical XID error: every process that waits for it by then gets it, once for each time.
[[nodiscard]] std::expected<void, std::string> raise_xid(const std::string& folder,
                                                         std::string_view gpu, std::uint64_t xid,
                                                         unsigned times = 1);
// Takes the GPU out of the machine or puts it back: lost, for good, to each process that is
// initialised; to the next init it is not there, or there again. Nothing changes if it is so
// already.
[[nodiscard]] std::expected<void, std::string> set_plugged(const std::string& folder,
                                                           std::string_view gpu, bool plugged);
// What every nvmlInit answers from now on, 0 to 999; 0 is success. Who is initialised goes on.
[[nodiscard]] std::expected<void, std::string> set_init_code(const std::string& folder, int code);

// Machine and load as a table for people; the error says which file is wrong and why.
[[nodiscard]] std::expected<std::string, std::string> show_folder(const std::string& folder);

// The highest character major of 240..254 (kept free for local use) that the text, in the form
// of /proc/devices, does not list.
[[nodiscard]] std::optional<unsigned> free_major(std::string_view proc_devices);

}  // namespace gpuhub::nvml_sim
