// Time limits for many sessions at the price of one timer. Each phase has one length, so that who
// begins last ends last: a line per phase, in order, and the timer looks at the first of each. For
// the sources of http/ only.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <utility>
#include <vector>

#include "http/loop.hpp"

namespace gpuhub::http {

enum class Phase : std::uint8_t { none, idle, head, body, handler, write, drain };
inline constexpr std::size_t phases = 7;

class Limited {
 public:
  virtual void timed_out(Phase phase) = 0;

 protected:
  ~Limited() = default;
};

class PhaseLimits {
  struct Entry {
    Limited* who;
    Phase phase;
    std::chrono::steady_clock::time_point end;
  };

 public:
  using Place = std::list<Entry>::iterator;

  // The length of each phase, by its number; that of `none` is not looked at.
  PhaseLimits(Loop& loop, const std::array<std::chrono::milliseconds, phases>& lengths);

  // `who` must stay until leave(). It is in no phase at first.
  Place join(Limited& who);
  void leave(Place place);
  // Leaves the phase it is in. When the new one's time is up `timed_out` is called once, some
  // milliseconds later at most, and `who` is in no phase then.
  void begin(Place place, Phase phase);
  Phase phase(Place place) const { return place->phase; }

 private:
  void look();
  void arm();

  const std::array<std::chrono::milliseconds, phases> lengths_;
  std::array<std::list<Entry>, phases> lines_;
  std::vector<std::pair<Limited*, Phase>> due_;  // being told now
  std::chrono::steady_clock::time_point armed_ = std::chrono::steady_clock::time_point::max();
  Timer timer_;
};

}  // namespace gpuhub::http
