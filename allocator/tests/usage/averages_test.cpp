#include "usage/averages.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace gpuhub::usage {
namespace {

using model::Duration;

constexpr double tiny = 1e-12;

TEST(Averages, BeginWithWhatWasSeen) {
  Averages averages;
  averages.add(0.7, Duration{2'000});
  EXPECT_NEAR(averages.rates().one, 0.7, tiny);
  EXPECT_NEAR(averages.rates().fifteen, 0.7, tiny) << "not pulled down by a time before";
  averages.add(0.7, Duration{1});
  averages.add(0.7, Duration{3'600'000});
  EXPECT_NEAR(averages.rates().five, 0.7, tiny);
}

// A busy time and an idle time, of lengths in minutes.
double closed(double busy, double idle, double window) {
  const double all = busy + idle;
  return std::exp(-idle / window) * -std::expm1(-busy / window) / -std::expm1(-all / window);
}

TEST(Averages, FollowTheClosedFormula) {
  for (const int step_s : {1, 2, 5, 60}) {
    Averages averages;
    for (int s = 0; s < 180; s += step_s) averages.add(1, Duration{1000 * step_s});
    for (int s = 0; s < 120; s += step_s) averages.add(0, Duration{1000 * step_s});
    const auto rates = averages.rates();
    EXPECT_NEAR(rates.one, closed(3, 2, 1), 1e-9) << step_s;
    EXPECT_NEAR(rates.five, closed(3, 2, 5), 1e-9) << step_s;
    EXPECT_NEAR(rates.fifteen, closed(3, 2, 15), 1e-9) << step_s;
  }
}

TEST(Averages, DoNotCareHowATimeIsCut) {
  Averages once, often;
  once.add(0.2, Duration{10'000});
  once.add(0.9, Duration{30'000});
  for (const int ms : {1, 4'999, 5'000}) often.add(0.2, Duration{ms});
  for (const int ms : {29'000, 0, 999, 1}) often.add(0.9, Duration{ms});
  EXPECT_NEAR(once.rates().one, often.rates().one, 1e-9);
  EXPECT_NEAR(once.rates().fifteen, often.rates().fifteen, 1e-9);
}

TEST(Averages, StayBetweenTheExtremes) {
  Averages averages;
  for (int i = 1; i < 10'000; ++i) {
    averages.add(i % 3 == 0 ? 1.0 : 0.0, Duration{i % 7 + 1});
    const auto rates = averages.rates();
    for (const double rate : {rates.one, rates.five, rates.fifteen}) {
      ASSERT_GE(rate, 0);
      ASSERT_LE(rate, 1);
    }
  }
}

}  // namespace
}  // namespace gpuhub::usage
