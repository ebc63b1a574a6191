// What a caller must apply to a container so that it gets exactly the leased GPUs. Pure: equal
// inputs, equal answer. No client needs to know how GPUs get into containers.
#pragma once

#include <boost/container/flat_map.hpp>

#include <cstdint>
#include <expected>
#include <functional>
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

// In the order of their names, which are literals.
using Pairs = boost::container::flat_map<std::string_view, std::string>;

struct Injection {
  std::string driver;                  // "cdi", "nvidia", "devices"; "none" without GPUs
  std::vector<DeviceRequest> device_requests;
  std::vector<model::DeviceNode> devices;   // each with cgroup permissions "rw"
  std::vector<model::BindMount> mounts;
  Pairs environment;
  Pairs labels;                        // values hold no braces
};

// The same as arguments of `docker run`: `each` is called with one after the other.
void docker_run(const Injection& from, const std::function<void(std::string_view)>& each);

// Error: no way fits; one sentence with the remedy.
using Made = std::expected<Injection, std::string>;
// `gpus`: those of the lease, in its order.
Made make(const model::Lease& lease, std::span<const model::Gpu> gpus, const Machine& machine);

// `text` with all that must not stand in a label (braces, slashes, percent signs, commas, quotes,
// control characters) written as %XX.
std::string label_text(std::string_view text);

}  // namespace gpuhub::inject
