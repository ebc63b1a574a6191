// [idle], and what profiles say of it.
#include <gtest/gtest.h>

#include "config/read.hpp"

namespace gpuhub::config {
namespace {
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

std::string faults(std::string_view text) {
  const auto config = read(text, "f");
  std::string out;
  if (config) return out;
  for (const Fault& fault : config.error()) out += fault.text() + '\n';
  return out;
}

TEST(Idle, ReadsWhatItSays) {
  const auto config = read(
      "[idle]\nenabled = false\ngpu_limit = '20m'\nlimit = '0s'\nunknown_limit = '2h'\n"
      "keep = '30m'\nkeep_max = '0s'\nlook_every = '5s'\nsample_every = '1s'\nbusy_percent = 7\n"
      "exempt_users = ['ana']\nexempt_groups = ['vision lab']\n"
      "[[profiles]]\nslug = 'a'\ngpus = 1\nidle_limit = '10m'\nmax_lifetime = '7d'\n"
      "[[profiles]]\nslug = 'b'\ngpus = 1\nidle_limit = '0s'\n"
      "[[profiles]]\nslug = 'c'\ngpus = 1\n", "f");
  ASSERT_TRUE(config);
  const Idle& idle = config->idle;
  EXPECT_FALSE(idle.enabled);
  EXPECT_EQ(idle.gpu_limit, minutes{20});
  EXPECT_EQ(idle.limit, seconds{0});
  EXPECT_EQ(idle.unknown_limit, hours{2});
  EXPECT_EQ(idle.keep, minutes{30});
  EXPECT_EQ(idle.keep_max, seconds{0});
  EXPECT_EQ(idle.look_every, seconds{5});
  EXPECT_EQ(idle.sample_every, seconds{1});
  EXPECT_EQ(idle.busy_percent, 7);
  EXPECT_EQ(idle.exempt_users, std::vector<std::string>{"ana"});
  EXPECT_EQ(idle.exempt_groups, std::vector<std::string>{"vision lab"});
  EXPECT_EQ(config->profiles[0].idle_limit, minutes{10});
  EXPECT_EQ(config->profiles[0].max_lifetime, hours{7 * 24});
  EXPECT_EQ(config->profiles[1].idle_limit, seconds{0});
  EXPECT_FALSE(config->profiles[1].max_lifetime);
  EXPECT_FALSE(config->profiles[2].idle_limit);
}

TEST(Idle, ALimitLeavesTimeForWarnings) {
  const std::string words = "so short that nobody could be warned; allowed: \"0s\" (never), or "
                            "\"10s\" to \"365d\"\n";
  EXPECT_EQ(faults("[idle]\ngpu_limit = '9s'\nlimit = '1s'\n"),
            "f:2:13: idle.gpu_limit: " + words + "f:3:9: idle.limit: " + words);
  EXPECT_EQ(faults("[[profiles]]\nslug = 'a'\ngpus = 1\nidle_limit = '5s'\n"),
            "f:4:14: profiles[0].idle_limit: " + words);
}

TEST(Idle, WhatIsOutOfRangeIsNamed) {
  EXPECT_EQ(faults("[idle]\nbusy_percent = 0\n"),
            "f:2:16: idle.busy_percent: 0 is out of range; allowed: 1 to 50\n");
  EXPECT_NE(faults("[idle]\nsample_every = '6s'\n"), "");
  EXPECT_NE(faults("[idle]\nlook_every = '0s'\n"), "");
  EXPECT_NE(faults("[idle]\nkeep = '1s'\n"), "");
  EXPECT_NE(faults("[idle]\nexempt_users = [1]\n"), "");
  EXPECT_NE(faults("[[profiles]]\nslug = 'a'\ngpus = 1\nmax_lifetime = '5s'\n"), "");
}

}  // namespace
}  // namespace gpuhub::config
