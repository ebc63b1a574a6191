// Who did what on one GPU, by one sample: the rule by which use is told from idleness, and what to
// believe where the driver does not tell all. Pure. On the safe side: what cannot be told is never
// idleness.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "usage/sample.hpp"

namespace gpuhub::usage {

enum class Measured : std::uint8_t {
  process,  // by the processes of the lease's container
  gpu,      // by what the whole GPU did
  none,     // it cannot be told
};

struct Share {  // of one lease
  Measured measured = Measured::process;
  std::string_view why{};  // unless `process`: for an admin
  double util = 0;         // 0 to 1; of `none` nothing
  std::optional<model::Mebibytes> memory{};  // as far as it is told; nullopt: of none
  std::vector<std::uint32_t> pids{};       // each once
  bool listed = true;                      // false: processes are not told
};

struct Foreign {  // what no lease explains
  int processes = 0;
  model::Mebibytes memory;     // as far as it is told
  std::optional<double> util;  // 0 to 1; nullopt: it cannot be told apart
};

struct Shares {
  std::vector<Share> leases;        // as they were given
  std::optional<Foreign> foreign;   // nullopt: the processes are not told
  std::optional<int> processes;     // all of them
};

using Watchers = std::set<model::ContainerId>;  // they look at GPUs and do not count

// `leases`: the container of each lease that has one and holds this GPU. A process is the lease's
// whose container is the outermost one known among those that it is in.
[[nodiscard]] Shares share(const GpuSample& sample, std::span<const model::ContainerId> leases,
                           const Watchers& watchers, int busy_percent);

}  // namespace gpuhub::usage
