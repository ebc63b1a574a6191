// How long a wait will be: from how long leases have lasted here.
#include <gtest/gtest.h>

#include "world.hpp"

namespace gpuhub::ledger {
namespace {

constexpr std::int64_t minute = 60'000;

// So many leases of `gpus` GPUs that lasted so long have ended.
void past(World& world, int count, int gpus, std::int64_t lasted) {
  for (int n = 0; n < count; ++n) {
    world.ask("past", gpus);
    world.bind("past", 1000);
    world.passes(lasted);
    world.container_gone(1000);
  }
}

std::optional<Estimate> estimate(const World& world, const std::string& user) {
  return world.ledger->estimate(world.lease(user).id, world.now.at);
}

Estimate exactly(std::int64_t ms) {
  return {model::Duration{ms}, model::Duration{ms}, model::Duration{ms}};
}

TEST(Estimate, NothingIsToldWithoutAPast) {
  World world{{.gpus = 1}};
  past(world, 4, 1, 10 * minute);
  world.ask("ana", 1);
  world.wait("bo", 1);
  EXPECT_EQ(estimate(world, "bo"), std::nullopt);
  EXPECT_EQ(estimate(world, "ana"), std::nullopt);  // does not wait
}

TEST(Estimate, WhatIsLeftOfTheUsualTimeAndThoseBefore) {
  World world{{.gpus = 1}};
  past(world, 5, 1, 60 * minute);
  world.ask("ana", 1);
  world.bind("ana", 1);
  world.passes(20 * minute);
  world.wait("bo", 1);
  world.wait("cy", 1);
  EXPECT_EQ(estimate(world, "bo"), exactly(40 * minute));
  EXPECT_EQ(estimate(world, "cy"), exactly(100 * minute));
}

TEST(Estimate, OfTwoTheFirstToEndCounts) {
  World world{{.gpus = 2}};
  past(world, 5, 1, 60 * minute);
  world.ask("ana", 1);
  world.passes(30 * minute);
  world.ask("bo", 1);
  world.passes(10 * minute);
  world.wait("cy", 1);
  world.wait("di", 2);
  EXPECT_EQ(estimate(world, "cy"), exactly(20 * minute));
  EXPECT_EQ(estimate(world, "di"), exactly(80 * minute));  // cy's hour first
}

TEST(Estimate, TheSpreadOfThePastIsTheRange) {
  World world{{.gpus = 1}};
  for (int n = 1; n <= 50; ++n) past(world, 1, 1, n * 2 * minute);
  world.ask("ana", 1);
  world.wait("bo", 1);
  const auto range = estimate(world, "bo");
  ASSERT_TRUE(range);
  EXPECT_LT(range->early, model::Duration{25 * minute});
  EXPECT_GT(range->likely, model::Duration{35 * minute});
  EXPECT_LT(range->likely, model::Duration{65 * minute});
  EXPECT_GT(range->late, model::Duration{75 * minute});
}

TEST(Estimate, OneThatOutlastedThePastMayLastAsLongAgain) {
  World world{{.gpus = 1}};
  past(world, 5, 1, minute);
  world.ask("ana", 1);
  world.passes(60 * minute);
  world.wait("bo", 1);
  const auto range = estimate(world, "bo");
  ASSERT_TRUE(range);
  EXPECT_LE(range->late, model::Duration{60 * minute});
  EXPECT_GE(range->late, model::Duration{40 * minute});
}

TEST(Estimate, OneThatIsEndingIsSoonGone) {
  World world{{.gpus = 1}};
  past(world, 5, 1, 60 * minute);
  world.ask("ana", 1);
  world.bind("ana", 1);
  world.release("ana");
  world.wait("bo", 1);
  EXPECT_LE(estimate(world, "bo")->late, model::Duration{15'000});
}

TEST(Estimate, NoneForWhatCannotStartHoweverManyEnd) {
  World world{{.gpus = 2}};
  past(world, 5, 1, 60 * minute);
  world.ask("ana", model::WantGpus{{gpu_id(0)}});
  world.drain(1, true);
  world.wait("bo", 2);
  EXPECT_EQ(estimate(world, "bo"), std::nullopt);
}

}  // namespace
}  // namespace gpuhub::ledger
