// Times and sizes as types: units add only to their own kind.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace gpuhub::model {

using Duration = std::chrono::milliseconds;

// The ledger's own time: milliseconds that the service has run since the store was made. Never goes
// back and does not move while the daemon is down, so time limits survive restarts and clock jumps.
struct Instant {
  std::int64_t ms = 0;
  auto operator<=>(const Instant&) const = default;
  friend Instant operator+(Instant at, Duration d) { return {at.ms + d.count()}; }
  friend Duration operator-(Instant a, Instant b) { return Duration{a.ms - b.ms}; }
};

// Wall-clock time, milliseconds since 1970 UTC. Only shown to people; nothing is decided by it.
struct WallTime {
  std::int64_t ms = 0;
  auto operator<=>(const WallTime&) const = default;
};

// Both times of one moment, passed to everything that needs to know "now".
struct Now {
  Instant at;
  WallTime wall;
};

struct Mebibytes {
  std::int64_t count = 0;
  auto operator<=>(const Mebibytes&) const = default;
};

}  // namespace gpuhub::model
