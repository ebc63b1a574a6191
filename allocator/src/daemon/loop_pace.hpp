// The service's pace: turns of the daemon's loop.
#pragma once

#include <functional>
#include <utility>

#include "http/loop.hpp"
#include "service/pace.hpp"

namespace gpuhub::daemon {

class LoopPace final : public service::Pace {
 public:
  // `in_spare_time`: what has to be done some time, and may be done while the disk works.
  LoopPace(http::Loop& loop, std::function<void()> in_spare_time)
      : loop_(loop), in_spare_time_(std::move(in_spare_time)),
        timer_(loop, [this] { std::exchange(after_, {})(); }) {}
  void at_turn_end(Action what) override { loop_.at_turn_end(std::move(what)); }
  void after(std::chrono::microseconds time, Action what) override {
    after_ = std::move(what);
    timer_.set(time);
  }
  void spare_time() override { in_spare_time_(); }
  void more_may_come() override { loop_.stay_awake(watchful); }
  std::chrono::microseconds now() override {
    return std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now().time_since_epoch());
  }

 private:
  static constexpr std::chrono::microseconds watchful{200};
  http::Loop& loop_;
  std::function<void()> in_spare_time_;
  Action after_;
  http::Timer timer_;
};

}  // namespace gpuhub::daemon
