// Port: the processes of this host, as far as is needed to say whose GPU use is whose. Adapter:
// /proc; double for tests beside it. Called from one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/ids.hpp"

namespace gpuhub::processes {

class Processes {
 public:
  virtual ~Processes() = default;
  // When the process was started, in a unit of its own: equal for one process, another for the next
  // one with the same number. nullopt: there is no such process.
  virtual std::optional<std::uint64_t> started(std::uint32_t pid) = 0;
  // The containers that the process is in, the outermost first; empty: none. At most
  // containers_max. nullopt: there is no such process, or it cannot be read.
  virtual std::optional<std::vector<model::ContainerId>> containers(std::uint32_t pid) = 0;
  // Are the numbers those of the host, by which a driver names processes?
  virtual bool of_host() = 0;
};

inline constexpr std::size_t containers_max = 8;  // of one process; deeper ones are left out

}  // namespace gpuhub::processes
