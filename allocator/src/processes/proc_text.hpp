// What the texts in /proc/PID mean. Pure. They come from the kernel, but hold names that any
// process gives itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "model/ids.hpp"

namespace gpuhub::processes {

// Of /proc/PID/stat: the 22nd field, the time of its start in ticks since boot.
[[nodiscard]] std::optional<std::uint64_t> parse_started(std::string_view stat);

// Of /proc/PID/cgroup: the ids of the containers in the path, the outermost first, each once. The
// engine's own names are known: a folder "<64 hex>" (driver cgroupfs), or a scope
// "docker-<64 hex>.scope" (driver systemd). Of the lines (one for each hierarchy of v1, one of v2)
// the one that tells most counts; the path may begin with "/../", as seen from another namespace.
[[nodiscard]] std::vector<model::ContainerId> parse_containers(std::string_view cgroup);

}  // namespace gpuhub::processes
