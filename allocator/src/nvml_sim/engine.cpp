#include "nvml_sim/engine.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

namespace gpuhub::nvml_sim {
namespace {

std::string variable(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : value;
}

// A container gets the machine's `state` only. Who has the whole folder beside it, device nodes and
// all, is the allocator: a variable alone shows nobody more than he may open.
bool has_whole_folder(const std::string& state_dir) {
  std::error_code ignored;
  return std::filesystem::is_directory(state_dir + "/../dev/.", ignored) &&
         std::filesystem::is_regular_file(state_dir + "/../state/machine.json", ignored);
}

}  // namespace

Places places_from_environment() {
  const auto state_dir = variable("NVML_SIM_DIR", "/run/nvml_sim");
  return {.state_dir = state_dir,
          .device_dir = variable("NVML_SIM_DEV", "/dev"),
          .all_visible = variable("NVML_SIM_ALL", "0") == "1" && has_whole_folder(state_dir)};
}

bool can_open_node(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return errno == ENXIO;
  ::close(fd);
  return true;
}

Code Engine::init(const Places& places) {
  const std::scoped_lock lock(mutex_);
  if (users_ == 0) {
    const auto done = load_machine(places);
    if (done != kSuccess) return done;
    ++initialisations_;
  }
  ++users_;
  return kSuccess;
}

Code Engine::shutdown() {
  const std::scoped_lock lock(mutex_);
  if (users_ == 0) return kUninitialized;
  --users_;
  return kSuccess;
}

bool Engine::initialised() {
  const std::scoped_lock lock(mutex_);
  return users_ > 0;
}

unsigned Engine::initialisation() {
  const std::scoped_lock lock(mutex_);
  return users_ == 0 ? 0 : initialisations_;
}

std::optional<std::string> Engine::driver_version() {
  const std::scoped_lock lock(mutex_);
  if (users_ == 0) return std::nullopt;
  return machine_.driver_version;
}

std::optional<int> Engine::cuda_version() {
  const std::scoped_lock lock(mutex_);
  if (users_ == 0) return std::nullopt;
  return machine_.cuda_version;
}

unsigned Engine::count() {
  const std::scoped_lock lock(mutex_);
  return users_ == 0 ? 0 : static_cast<unsigned>(visible_.size());
}

nvmlDevice_t Engine::by_index(unsigned index) {
  const std::scoped_lock lock(mutex_);
  if (users_ == 0 || index >= visible_.size()) return nullptr;
  return handle_of(visible_[index]);
}

nvmlDevice_t Engine::by_pci(const PciAddress& address) {
  const std::scoped_lock lock(mutex_);
  if (users_ == 0) return nullptr;
  const auto found = std::ranges::find_if(visible_, [&](std::size_t position) {
    const auto& pci = machine_.gpus[position].pci;
    return pci.domain == address.domain && pci.bus == address.bus && pci.device == address.device;
  });
  return found == visible_.end() ? nullptr : handle_of(*found);
}

std::expected<View, Code> Engine::view(nvmlDevice_t handle) {
  const std::scoped_lock lock(mutex_);
  if (users_ == 0) return std::unexpected(kUninitialized);
  for (std::size_t index = 0; index < visible_.size(); ++index) {
    const auto position = visible_[index];
    if (handle_of(position) != handle) continue;
    refresh_loads();
    if (lost(position)) return std::unexpected(kGpuIsLost);
    const auto& gpu = machine_.gpus[position];
    return View{.gpu = gpu,
                .model = *gpu.model,
                .index = static_cast<unsigned>(index),
                .load = load_of(position)};
  }
  return std::unexpected(kInvalidArgument);
}

bool Engine::any_lost(std::span<const nvmlDevice_t> handles) {
  const std::scoped_lock lock(mutex_);
  if (users_ == 0) return false;
  refresh_loads();
  return std::ranges::any_of(visible_, [&](std::size_t position) {
    return std::ranges::contains(handles, handle_of(position)) && lost(position);
  });
}

std::string Engine::xids_path() {
  const std::scoped_lock lock(mutex_);
  return users_ == 0 ? std::string{} : xids_path_;
}

std::string Engine::last_error() {
  const std::scoped_lock lock(mutex_);
  return error_;
}

// No machine.json is what a missing driver is to the real library; a wrong one is our own kind
// of failure. Nothing changes unless all of it could be read.
Code Engine::load_machine(const Places& places) {
  const auto machine_path = places.state_dir + "/machine.json";
  const auto load_path = places.state_dir + "/load.json";
  const auto machine_text = read_small_file(machine_path);
  if (!machine_text) {
    error_ = machine_text.error();
    return kDriverNotLoaded;
  }
  auto machine = parse_machine(*machine_text);
  if (!machine) {
    error_ = machine_path + ": " + machine.error();
    return kUnknown;
  }
  if (machine->init_code != 0) {
    error_ = machine_path + ": says that the driver fails";
    return static_cast<Code>(machine->init_code);
  }
  const auto stamp = stamp_of(load_path);
  Loads loads;
  if (stamp.size >= 0) {
    auto read = read_small_file(load_path).and_then(
        [](const std::string& text) { return parse_loads(text); });
    if (!read) {
      error_ = load_path + ": " + read.error();
      return kUnknown;
    }
    loads = *std::move(read);
  }
  machine_ = *std::move(machine);
  loads_ = std::move(loads);
  load_path_ = load_path;
  load_stamp_ = stamp;
  xids_path_ = places.state_dir + "/xids.json";
  visible_.clear();
  for (std::size_t position = 0; position < machine_.gpus.size(); ++position) {
    const auto load = load_of(position);
    plugged_[position] = load.plugged;
    if (load.unplugged) continue;
    const auto node = places.device_dir + "/nvidia" + std::to_string(machine_.gpus[position].minor);
    if (places.all_visible || can_open_node(node)) visible_.push_back(position);
  }
  error_.clear();
  return kSuccess;
}

// A load.json that cannot be read or is wrong changes nothing: the last good one counts.
void Engine::refresh_loads() {
  const auto stamp = stamp_of(load_path_);
  if (stamp == load_stamp_) return;
  load_stamp_ = stamp;
  if (stamp.size < 0) {
    loads_.clear();
    return;
  }
  const auto text = read_small_file(load_path_);
  if (!text) return;
  if (auto loads = parse_loads(*text)) loads_ = *std::move(loads);
}

Load Engine::load_of(std::size_t position) const {
  const auto found = loads_.find(machine_.gpus[position].uuid);
  return found == loads_.end() ? Load{} : found->second;
}

bool Engine::lost(std::size_t position) const {
  const auto load = load_of(position);
  return load.lost || load.unplugged || load.plugged != plugged_[position];
}

nvmlDevice_t Engine::handle_of(std::size_t position) {
  return reinterpret_cast<nvmlDevice_t>(&handles_[position]);
}

Engine& engine() {
  static auto* const only = new Engine;
  return *only;
}

}  // namespace gpuhub::nvml_sim
