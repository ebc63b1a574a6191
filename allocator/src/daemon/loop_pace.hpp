// The service's pace: turns of the daemon's loop.
#pragma once

#include <utility>

#include "http/loop.hpp"
#include "service/pace.hpp"

namespace gpuhub::daemon {

class LoopPace final : public service::Pace {
 public:
  explicit LoopPace(http::Loop& loop)
      : loop_(loop), timer_(loop, [this] { std::exchange(after_, {})(); }) {}
  void at_turn_end(Action what) override { loop_.post(std::move(what)); }
  void after(std::chrono::microseconds time, Action what) override {
    after_ = std::move(what);
    timer_.set(time);
  }
  void more_may_come() override { loop_.stay_awake(watchful); }
  std::chrono::microseconds now() override {
    return std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now().time_since_epoch());
  }

 private:
  static constexpr std::chrono::microseconds watchful{200};
  http::Loop& loop_;
  Action after_;
  http::Timer timer_;
};

}  // namespace gpuhub::daemon
