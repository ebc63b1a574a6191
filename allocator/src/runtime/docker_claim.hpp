// What a container takes of the GPUs by its own configuration, as Docker Engine keeps it: device
// requests (`--gpus`, CDI), device nodes, and the variables and annotations that NVIDIA's runtime
// obeys. Words only: the same words can be refused at start. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "model/claim.hpp"

namespace gpuhub::runtime {

using Words = std::vector<std::string_view>;

struct DeviceRequest {              // one of HostConfig.DeviceRequests
  std::string_view driver;
  std::int64_t count = 0;           // -1: all
  Words ids;
  std::vector<Words> capabilities;  // any of these lists
};
struct Configuration {              // borrowed: for the call only
  bool nvidia_runtime = false;      // HostConfig.Runtime; the engine fills in its default
  std::vector<DeviceRequest> requests;
  Words nodes;                      // HostConfig.Devices, as paths on the host
  Words rules;                      // HostConfig.DeviceCgroupRules
  Words environment;                // Config.Env: the image's and the container's own
  std::vector<std::pair<std::string_view, std::string_view>> annotations;  // of CDI
};

// nullopt: it takes none. Words without sense (control characters, too long) are left out, since no
// GPU has such a name; too many words are taken for all GPUs. Where versions of NVIDIA's toolkit
// differ, the answer is what the one that gives more would give: a GPU that is taken for held lies
// idle, and is not handed out twice.
std::optional<model::GpuClaim> claim_of(const Configuration& configuration);

}  // namespace gpuhub::runtime
