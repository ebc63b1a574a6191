#include "service/rhythm.hpp"

#include <gtest/gtest.h>

namespace gpuhub::service {
namespace {
using std::chrono::microseconds;

// One commit of `callers`, during which `waiting` come.
void commit(Rhythm& rhythm, microseconds at, microseconds takes, std::size_t callers,
            std::size_t waiting) {
  rhythm.begins(at, callers);
  rhythm.ended(at + takes, waiting);
}

TEST(Rhythm, WhoIsAloneIsServedByTheCallingThread) {
  Rhythm rhythm;
  EXPECT_TRUE(rhythm.alone(1));
  EXPECT_TRUE(rhythm.alone(0)) << "a change that nobody waits for";
  EXPECT_FALSE(rhythm.alone(2));
  commit(rhythm, microseconds{0}, microseconds{90}, 2, 0);
  EXPECT_FALSE(rhythm.alone(1)) << "there were two a moment ago";
  commit(rhythm, microseconds{200}, microseconds{90}, 1, 0);
  EXPECT_TRUE(rhythm.alone(1));
}

TEST(Rhythm, ASlowDiskDoesNotStopTheCallingThread) {
  Rhythm rhythm;
  commit(rhythm, microseconds{0}, microseconds{20'000}, 1, 0);
  EXPECT_FALSE(rhythm.alone(1));
}

TEST(Rhythm, NobodyWaitsForOthersWhileFlushesAreShort) {
  Rhythm rhythm;
  commit(rhythm, microseconds{0}, microseconds{90}, 32, 32);
  EXPECT_EQ(rhythm.patience(microseconds{90}, 1), microseconds{0});
}

TEST(Rhythm, AfterALongFlushAllAreGathered) {
  Rhythm rhythm;
  commit(rhythm, microseconds{0}, microseconds{1'000}, 10, 6);
  EXPECT_EQ(rhythm.patience(microseconds{1'000}, 6), microseconds{1'000});
  EXPECT_EQ(rhythm.patience(microseconds{1'400}, 15), microseconds{600});
  EXPECT_EQ(rhythm.patience(microseconds{1'400}, 16), microseconds{0}) << "all are there";
  EXPECT_EQ(rhythm.patience(microseconds{2'100}, 7), microseconds{0}) << "some have not come";
}

TEST(Rhythm, ALongCommitOnAQuickDiskIsNoReasonToWait) {
  Rhythm rhythm;
  rhythm.begins(microseconds{0}, 32);
  rhythm.ended(microseconds{1'000}, 32, microseconds{90});
  EXPECT_EQ(rhythm.patience(microseconds{1'000}, 1), microseconds{0});
}

TEST(Rhythm, WhatNobodyWaitsForGoesAtOnce) {
  Rhythm rhythm;
  commit(rhythm, microseconds{0}, microseconds{1'000}, 10, 6);
  EXPECT_EQ(rhythm.patience(microseconds{1'001}, 0), microseconds{0});
}

}  // namespace
}  // namespace gpuhub::service
