#include "bench/latencies.hpp"

#include <gtest/gtest.h>

namespace gpuhub::bench {
namespace {
using std::chrono::microseconds;

TEST(Latencies, GivesTheNearestRank) {
  Latencies all;
  for (int n = 100; n >= 1; --n) all.add(microseconds{n});
  EXPECT_EQ(all.count(), 100U);
  EXPECT_DOUBLE_EQ(all.quantile_us(0.5), 50);
  EXPECT_DOUBLE_EQ(all.quantile_us(0.99), 99);
  EXPECT_DOUBLE_EQ(all.quantile_us(0.991), 100);
  EXPECT_DOUBLE_EQ(all.quantile_us(1), 100);
  EXPECT_DOUBLE_EQ(all.quantile_us(0), 1);
}

TEST(Latencies, OfOneAndOfNone) {
  Latencies all;
  EXPECT_DOUBLE_EQ(all.quantile_us(0.5), 0);
  all.add(microseconds{7});
  EXPECT_DOUBLE_EQ(all.quantile_us(0.01), 7);
  EXPECT_DOUBLE_EQ(all.quantile_us(0.99), 7);
}

TEST(Latencies, AreBounded) {
  Latencies all;
  all.add(std::chrono::hours{1});
  EXPECT_NEAR(all.quantile_us(1), 4'294'967, 1);
  all.add(microseconds{-1});
  EXPECT_DOUBLE_EQ(all.quantile_us(0), 0);
}

}  // namespace
}  // namespace gpuhub::bench
