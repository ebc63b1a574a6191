// Whose process is it: container by process, remembered by number and time of start, so that each
// is read once and a number that is used again is not taken for the old one. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "processes/processes.hpp"

namespace gpuhub::processes {

class Attribution {
 public:
  explicit Attribution(Processes& processes) : processes_(processes) {}  // borrowed

  // A look begins: what the last one did not ask for is forgotten, so memory is bounded by what
  // runs.
  void begin();
  // The containers of the process, the outermost first; empty: of none. One that has ended since
  // the last look is still told, once. Null: nobody can tell. Good until the next begin().
  const std::vector<model::ContainerId>* find(std::uint32_t pid);

 private:
  struct Known {
    std::uint64_t started = 0;
    std::vector<model::ContainerId> containers{};
    bool ended = false;
  };
  std::optional<Known> read(std::uint32_t pid, std::uint64_t started);

  Processes& processes_;
  std::map<std::uint32_t, Known> last_;  // of the last look
  std::map<std::uint32_t, Known> known_;
};

}  // namespace gpuhub::processes
