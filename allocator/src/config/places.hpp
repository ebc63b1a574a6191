// Device nodes and bind mounts as people write them, in gpuhub.toml and in PUT /v1/gpus alike.
#pragma once

#include <string>
#include <vector>

#include "model/gpu.hpp"

namespace gpuhub::config {

// "/dev/NAME" or "/dev/NAME:/dev/NAME-IN-CONTAINER". Each text keeps to that form (asked before).
std::vector<model::DeviceNode> device_nodes(const std::vector<std::string>& texts);
// "/host/path:/container/path", with ":ro" (so it is without) or ":rw". Likewise.
std::vector<model::BindMount> bind_mounts(const std::vector<std::string>& texts);

}  // namespace gpuhub::config
