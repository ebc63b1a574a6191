// When the next commit begins, from what the last ones were like. Plain values, no ports.
//
// What counts is the disk's own time. A commit of many lasts long also because much is to be
// written, and because the calling thread is busy when it ends: no reason to wait for more.
//
// A flush that takes long is worth waiting for: if who has just been answered asks again at once,
// all go together in the next one, instead of two halves that wait for each other's flush. One that
// is quick is not: the disk works while the next ones are served. And who is alone is served
// fastest by a commit on the calling thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>

namespace gpuhub::service {

class Rhythm {
 public:
  using Time = std::chrono::microseconds;
  static constexpr Time long_flush{500};   // from here on callers are gathered
  static constexpr Time blocking_max{5'000};  // a longer flush does not stop the calling thread

  // May the caller's thread do it itself? `callers` wait for this commit.
  bool alone(std::size_t callers) const {
    return callers <= 1 && last_callers_ <= 1 && flush_ < blocking_max;
  }
  void begins(Time now, std::size_t callers) {
    began_ = now;
    last_callers_ = callers;
    expected_ = 0;
  }
  // `waiting` have come meanwhile, and wait for the next one. `disk`: what the disk took of the
  // time; nullopt: all of it, for what is known.
  void ended(Time now, std::size_t waiting, std::optional<Time> disk = {}) {
    const Time took = disk.value_or(now - began_);
    flush_ = flush_.count() > 0 ? (3 * flush_ + took) / 4 : took;
    if (flush_ < long_flush || last_callers_ + waiting <= 2) return;
    expected_ = last_callers_ + waiting;
    until_ = now + flush_;
  }
  // How much longer to wait for others; nothing: begin now. `waiting` wait for it.
  Time patience(Time now, std::size_t waiting) const {
    if (waiting == 0 || waiting >= expected_) return {};
    return std::max(until_ - now, Time{});
  }

 private:
  Time flush_{};                  // what one takes, smoothed; 0: not known yet
  Time began_{};
  Time until_{};                  // when the wait for those expected ends
  std::size_t expected_ = 0;      // 0: nobody
  std::size_t last_callers_ = 0;  // of the last commit
};

}  // namespace gpuhub::service
