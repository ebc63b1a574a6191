#include "daemon/vanish.hpp"

#include <gtest/gtest.h>

namespace gpuhub::daemon {
namespace {

std::vector<model::GpuInfo> gpus(int count) {
  std::vector<model::GpuInfo> out;
  for (int i = 0; i < count; ++i) {
    const auto id = *model::GpuId::parse("GPU-" + std::to_string(i));
    out.push_back({id, "A100", {}, {}, {}, {}, {}, {}});
  }
  return out;
}

TEST(Vanish, OneOfManyGoneIsTheGpusFault) {
  Vanish vanish{model::Duration{1000}};
  EXPECT_EQ(vanish.judge(gpus(4), {0})->size(), 4U);
  EXPECT_EQ(vanish.judge(gpus(3), {1})->size(), 3U);
  EXPECT_FALSE(vanish.give_up({100'000}));
}

TEST(Vanish, AllGoneAtOnceIsTheLibrarysFaultAndEndsInTime) {
  Vanish vanish{model::Duration{1000}};
  ASSERT_TRUE(vanish.judge(gpus(4), {0}));
  EXPECT_FALSE(vanish.judge(gpus(0), {10}));
  EXPECT_FALSE(vanish.judge(std::unexpected{std::string{"lost"}}, {500}));
  EXPECT_FALSE(vanish.give_up({1010}));
  EXPECT_TRUE(vanish.give_up({1011}));
}

TEST(Vanish, BackInTimeIsAsIfNothingHappened) {
  Vanish vanish{model::Duration{1000}};
  ASSERT_TRUE(vanish.judge(gpus(4), {0}));
  EXPECT_FALSE(vanish.judge(gpus(0), {10}));
  EXPECT_TRUE(vanish.judge(gpus(4), {20}));
  EXPECT_FALSE(vanish.give_up({5000}));
}

TEST(Vanish, NeverSeenIsNotVanished) {
  Vanish vanish{model::Duration{1000}};
  EXPECT_TRUE(vanish.judge(gpus(0), {0}));
  EXPECT_FALSE(vanish.judge(std::unexpected{std::string{"no driver"}}, {1}));
  EXPECT_FALSE(vanish.give_up({1'000'000}));
}

}  // namespace
}  // namespace gpuhub::daemon
