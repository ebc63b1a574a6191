// What the simulated library knows while it is initialised: the visible GPUs in their order, and
// their load, read anew when load.json changes. One per process; every call locks it briefly.
#pragma once

#include <array>
#include <expected>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nvml_sim/abi.hpp"
#include "nvml_sim/machine.hpp"
#include "nvml_sim/state_files.hpp"

namespace gpuhub::nvml_sim {

// Where the engine looks. From the environment, read anew at each initialisation.
struct Places {
  std::string state_dir{};   // NVML_SIM_DIR, default /run/nvml_sim
  std::string device_dir{};  // NVML_SIM_DEV, default /dev (tests put made-up nodes elsewhere)
  bool all_visible = false;  // NVML_SIM_ALL=1 beside the whole machine folder: no look at nodes
};
[[nodiscard]] Places places_from_environment();

// True when this process may open the node: it opens, or answers ENXIO (a made-up device that
// the devices cgroup lets through). EPERM, EACCES, ENOENT and all else: not there.
[[nodiscard]] bool can_open_node(const std::string& path);

// One GPU as seen by one call: a copy, good also when another thread shuts the library down.
struct View {
  Gpu gpu;
  const Model& model;
  unsigned index;  // among the visible ones
  Load load;
};

class Engine {
 public:
  // Counts users, as the real library does: only the first call reads the machine.
  [[nodiscard]] Code init(const Places& places);
  [[nodiscard]] Code shutdown();

  [[nodiscard]] bool initialised();
  // Which initialisation this is, from 1: what was made in another one is void. 0: not initialised.
  [[nodiscard]] unsigned initialisation();
  // All of the following need initialised(): nullopt, 0, false, empty or null else.
  [[nodiscard]] std::optional<std::string> driver_version();
  [[nodiscard]] std::optional<int> cuda_version();
  [[nodiscard]] unsigned count();
  // Null when there is no such visible GPU.
  [[nodiscard]] nvmlDevice_t by_index(unsigned index);
  [[nodiscard]] nvmlDevice_t by_pci(const PciAddress& address);
  // The GPU behind a handle. kInvalidArgument for a handle that is none of ours or not visible,
  // kGpuIsLost when its load says so, or when it was unplugged since the init, also if it is back.
  // Handles survive a shutdown and a new init.
  [[nodiscard]] std::expected<View, Code> view(nvmlDevice_t handle);
  [[nodiscard]] bool any_lost(std::span<const nvmlDevice_t> handles);
  // Where raised XID errors are written.
  [[nodiscard]] std::string xids_path();

  // Why the last init failed, for people; empty after a success.
  [[nodiscard]] std::string last_error();

 private:
  [[nodiscard]] Code load_machine(const Places& places);
  void refresh_loads();
  [[nodiscard]] Load load_of(std::size_t position) const;
  [[nodiscard]] bool lost(std::size_t position) const;
  [[nodiscard]] nvmlDevice_t handle_of(std::size_t position);

  std::mutex mutex_;
  unsigned users_ = 0;
  unsigned initialisations_ = 0;
  std::string load_path_;
  std::string xids_path_;
  FileStamp load_stamp_;
  Machine machine_;
  Loads loads_;
  std::vector<std::size_t> visible_;  // positions in machine_.gpus
  std::array<unsigned, kMaxGpus> plugged_{};  // of each position, as it was at the init
  std::array<char, kMaxGpus> handles_{};  // only their addresses are used
  std::string error_;
};

// The process's engine; never destroyed, so calls at exit are safe.
[[nodiscard]] Engine& engine();

}  // namespace gpuhub::nvml_sim
