// The turns of a loop that ends them when chance says so, with a clock of microseconds that jumps:
// some flushes seem short, some long.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "chance.hpp"
#include "service/pace.hpp"

namespace gpuhub::sim {

class TurnsByChance final : public service::Pace {
 public:
  explicit TurnsByChance(Chance& chance) : chance_(chance) {}
  void at_turn_end(Action what) override { turn_.push_back(std::move(what)); }
  void after(std::chrono::microseconds, Action what) override { later_ = std::move(what); }
  std::chrono::microseconds now() override {
    return now_ += std::chrono::microseconds{chance_.between(0, chance_.one_in(2) ? 50 : 2'000)};
  }

  // ---- verbs of the test ----
  bool waits() const { return !turn_.empty() || later_.has_value(); }
  void end_turn() {  // of those that the turn ends nobody is called twice
    for (auto& what : std::exchange(turn_, {})) what();
  }
  void time_is_up() {
    if (auto what = std::exchange(later_, std::nullopt)) (*what)();
  }
  void daemon_died() {
    turn_.clear();
    later_.reset();
  }

 private:
  Chance& chance_;
  std::chrono::microseconds now_{};
  std::vector<Action> turn_;
  std::optional<Action> later_;
};

}  // namespace gpuhub::sim
