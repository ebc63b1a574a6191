#include "http/phase_limits.hpp"

#include <algorithm>
#include <ctime>
#include <ranges>

namespace gpuhub::http {
namespace {
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// The steady clock's time as of the last tick: ten times cheaper to ask for.
steady_clock::time_point now_about() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return steady_clock::time_point{std::chrono::seconds{now.tv_sec} +
                                  std::chrono::nanoseconds{now.tv_nsec}};
}
}  // namespace

PhaseLimits::PhaseLimits(Loop& loop, const std::array<milliseconds, phases>& lengths)
    : lengths_(lengths), timer_(loop, [this] { look(); }) {}

PhaseLimits::Place PhaseLimits::join(Limited& who) {
  auto& line = lines_.front();
  return line.insert(line.end(), {.who = &who, .phase = Phase::none, .end = {}});
}

void PhaseLimits::leave(Place place) {
  std::ranges::replace(due_ | std::views::keys, place->who, nullptr);
  lines_[std::to_underlying(place->phase)].erase(place);
}

void PhaseLimits::begin(Place place, Phase phase) {
  auto& line = lines_[std::to_underlying(phase)];
  line.splice(line.end(), lines_[std::to_underlying(place->phase)], place);
  place->phase = phase;
  if (phase == Phase::none) return;
  place->end = now_about() + lengths_[std::to_underlying(phase)];
  if (place->end < armed_) arm();
}

// Lets the timer wait for the first end of all.
void PhaseLimits::arm() {
  auto first = steady_clock::time_point::max();
  for (std::size_t i = 1; i < phases; ++i) {
    if (!lines_[i].empty()) first = std::min(first, lines_[i].front().end);
  }
  armed_ = first;
  if (first == steady_clock::time_point::max()) return;
  const auto wait = std::chrono::ceil<milliseconds>(first - steady_clock::now());
  timer_.set(std::max(wait, milliseconds{1}));
}

void PhaseLimits::look() {
  const auto now = steady_clock::now();
  for (std::size_t i = 1; i < phases; ++i) {
    while (!lines_[i].empty() && lines_[i].front().end <= now) {
      due_.emplace_back(lines_[i].front().who, static_cast<Phase>(i));
      begin(lines_[i].begin(), Phase::none);
    }
  }
  for (const auto& [who, phase] : due_) {
    if (who != nullptr) who->timed_out(phase);  // leave() takes out who went because of another
  }
  due_.clear();
  arm();
}

}  // namespace gpuhub::http
