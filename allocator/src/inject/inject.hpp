// What a caller must apply to a container so that it gets exactly the leased GPUs. Pure: equal
// inputs, equal answer. No client needs to know how GPUs get into containers.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "model/gpu.hpp"
#include "model/lease.hpp"

namespace gpuhub::inject {

// What is known about this machine now.
struct Machine {
  config::Driver choice = config::Driver::automatic;
  bool engine_cdi = false;             // the engine reads CDI specs
  bool engine_nvidia = false;          // the engine knows NVIDIA's runtime
  bool engine_known = true;            // false: the engine was not asked yet what it can do
  // The qualified CDI name of a GPU ("nvidia.com/gpu=0"), or why it has none and what to run.
  std::function<std::expected<std::string, std::string>(const model::GpuInfo&)> cdi_name;
};

struct DeviceRequest {                 // either driver "cdi" or "nvidia"
  std::string driver;
  std::vector<std::string> device_ids;
  bool operator==(const DeviceRequest&) const = default;
};

struct Injection {
  std::string driver;                  // "cdi", "nvidia", "devices"; "none" without GPUs
  std::vector<DeviceRequest> device_requests;
  std::vector<model::DeviceNode> devices;   // each with cgroup permissions "rw"
  std::vector<model::BindMount> mounts;
  std::map<std::string, std::string> environment;
  std::map<std::string, std::string> labels;  // values hold no braces
  std::vector<std::string> docker_run;        // the same as arguments of `docker run`
};

// Error: no way fits; one sentence with the remedy.
using Made = std::expected<Injection, std::string>;
// `gpus`: those of the lease, in its order.
Made make(const model::Lease& lease, std::span<const model::Gpu> gpus, const Machine& machine);

// `text` with all that must not stand in a label (braces, slashes, percent signs, commas, quotes,
// control characters) written as %XX.
std::string label_text(std::string_view text);

}  // namespace gpuhub::inject
