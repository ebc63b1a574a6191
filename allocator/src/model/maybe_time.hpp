// A time that may be missing, in no more room than a time takes: a lease has seven of them, and ten
// thousand that have ended are remembered. Used like a std::optional.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "model/assert.hpp"

namespace gpuhub::model {

template <typename Time>  // Instant or WallTime
class MaybeTime {
 public:
  MaybeTime() = default;
  MaybeTime(std::nullopt_t) {}                    // NOLINT: converts, as an optional does
  MaybeTime(Time time) : time_(time) {}           // NOLINT
  MaybeTime(const std::optional<Time>& time) : time_(time.value_or(none)) {}  // NOLINT
  operator std::optional<Time>() const {          // NOLINT
    return has_value() ? std::optional{time_} : std::nullopt;
  }

  bool has_value() const { return time_ != none; }
  explicit operator bool() const { return has_value(); }
  const Time& operator*() const {
    GPUHUB_ASSERT(has_value());
    return time_;
  }
  const Time* operator->() const { return &**this; }
  Time value_or(Time other) const { return has_value() ? time_ : other; }
  void reset() { time_ = none; }
  bool operator==(const MaybeTime&) const = default;

 private:
  static constexpr Time none{std::numeric_limits<std::int64_t>::min()};  // no clock shows it
  Time time_ = none;
};

}  // namespace gpuhub::model
