#include "ctl/words.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "ctl/claim.hpp"
#include "ctl/lease_parts.hpp"
#include "ctl/socket.hpp"
#include "ctl/usage_words.hpp"
#include "place.hpp"

namespace gpuhub::ctl {
namespace {

using boost::json::parse;
using namespace std::chrono_literals;

TEST(Words, DurationsHaveTwoUnitsAtMost) {
  EXPECT_EQ(duration_words(-5), "0 s");
  EXPECT_EQ(duration_words(59), "59 s");
  EXPECT_EQ(duration_words(60), "1 min");
  EXPECT_EQ(duration_words(89), "1 min");
  EXPECT_EQ(duration_words(90), "2 min");
  EXPECT_EQ(duration_words(3600), "1 h");
  EXPECT_EQ(duration_words(12'000), "3 h 20 min");
  EXPECT_EQ(duration_words(86'400), "1 day");
  EXPECT_EQ(duration_words(2 * 86'400 + 3 * 3600 + 5), "2 days 3 h");
}

TEST(Words, PlacesAreOrdinals) {
  std::string all;
  for (const int n : {1, 2, 3, 4, 10, 11, 12, 13, 21, 22, 101, 111, 113, 123}) {
    all += ordinal(n) + " ";
  }
  EXPECT_EQ(all, "1st 2nd 3rd 4th 10th 11th 12th 13th 21st 22nd 101st 111th 113th 123rd ");
}

TEST(Words, TheQueueTellsPlaceAndTime) {
  EXPECT_EQ(queue_words(parse(R"({"position":2,"of":5,"estimate":
            {"early_s":480,"likely_s":1200,"late_s":3600}})")),
            "2nd of 5, about 20 min (8 min to 1 h)");
  EXPECT_EQ(queue_words(parse(R"({"position":1,"of":1,"estimate":
            {"early_s":30,"likely_s":30,"late_s":30}})")),
            "1st of 1, about 30 s");
  EXPECT_EQ(queue_words(parse(R"({"position":1,"of":1,"estimate":null})")), "1st of 1");
  EXPECT_EQ(queue_words(nullptr), "");
  EXPECT_EQ(estimate_words(parse(R"({"estimate":null})")), "-");
}

TEST(Words, Wishes) {
  EXPECT_EQ(wants_words(parse(R"({"count":1})")), "1 GPU");
  EXPECT_EQ(wants_words(parse(R"({"count":3})")), "3 GPUs");
  EXPECT_EQ(wants_words(parse(R"({"uuids":["GPU-1","GPU-2",3]})")), "GPU-1, GPU-2");
  EXPECT_EQ(wants_words(parse(R"({"all":true})")), "all GPUs");
  EXPECT_EQ(wants_words(parse(R"({"none":true})")), "no GPU");
  EXPECT_EQ(wants_words(nullptr), "");
}

TEST(Words, WhatALeaseDoes) {
  const auto words = [](const char* usage) { return usage_words(parse(usage)); };
  EXPECT_EQ(words(R"({"busy":true,"utilisation":{"now":0.434}})"), "busy 43 %");
  EXPECT_EQ(words(R"({"busy":false,"idle_for_s":720})"), "idle 12 min");
  EXPECT_EQ(words(R"({"measured":"none","why":"MIG","busy":null})"), "not measured");
  EXPECT_EQ(words("null"), "-");
  EXPECT_EQ(words(R"({"busy":true})"), "busy ?");
  const auto lines = usage_lines(parse(R"({"measured":"none","why":"MIG","busy":null})"));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[1].second, "not now: MIG");
}

TEST(Words, WhatAGpuDoes) {
  const auto words = [](const char* load) { return load_words(parse(load)); };
  EXPECT_EQ(words("null"), "-");
  EXPECT_EQ(words(R"({"gpu_util":40,"average":null,"foreign":null})"), "40 %");
  EXPECT_EQ(words(R"({"gpu_util":40,"average":{"5m":0.5},
            "foreign":{"processes":0,"memory_used_mib":0,"utilisation":0.0}})"),
            "40 % (5 min: 50 %)");
  EXPECT_EQ(words(R"({"gpu_util":null,
            "foreign":{"processes":2,"memory_used_mib":7,"utilisation":null}})"),
            "-; foreign: 2 processes, 7 MiB");
  EXPECT_EQ(words(R"({"gpu_util":9,"foreign":{"processes":0,"utilisation":0.09}})"),
            "9 %; foreign: 0 processes, 0 MiB, 9 %");
}

TEST(Words, DurationsAsTyped) {
  EXPECT_EQ(parse_duration("90s"), 90s);
  EXPECT_EQ(parse_duration("10m"), 10min);
  EXPECT_EQ(parse_duration("2h"), 2h);
  EXPECT_EQ(parse_duration("30d"), 720h);
  for (const auto* wrong : {"", "s", "0s", "-1s", "10", "1.5h", "1h30m", "31d", "5ms", "5 m",
                            "99999999999s", "true"}) {
    EXPECT_FALSE(parse_duration(wrong)) << wrong;
  }
}

TEST(Words, TimeUntilAnInstant) {
  const std::chrono::sys_time<std::chrono::milliseconds> now{
      std::chrono::sys_days{std::chrono::year{2026} / 1 / 2} + 3h + 4min + 5s};
  EXPECT_EQ(time_until("2026-01-02T03:04:05Z", now), 0ms);
  EXPECT_EQ(time_until("2026-01-02T03:04:06.250Z", now), 1250ms);
  EXPECT_EQ(time_until("2026-01-01T03:04:05.000Z", now), -24h);
  for (const auto* wrong : {"", "Z", "2026-01-02", "2026-01-02T03:04:05", "2026-01-02 03:04:05Z",
                            "2026-13-02T03:04:05Z", "2026-02-30T03:04:05Z", "2026-01-02T03:04:05.Z",
                            "2026-01-02T03:04:05.25Z", "2026-01-02T03:04:05+00:00",
                            "2o26-01-02T03:04:05Z"}) {
    EXPECT_FALSE(time_until(wrong, now)) << wrong;
  }
}

TEST(Words, WhichGpusAsTyped) {
  const auto parsed = [](std::string_view text) {
    const auto gpus = parse_gpus(text);
    return gpus ? boost::json::serialize(*gpus) : "no";
  };
  EXPECT_EQ(parsed("2"), R"({"count":2})");
  EXPECT_EQ(parsed("all"), R"({"all":true})");
  EXPECT_EQ(parsed("none"), R"({"none":true})");
  EXPECT_EQ(parsed("GPU-1"), R"({"uuids":["GPU-1"]})");
  EXPECT_EQ(parsed("GPU-1,MIG-2"), R"({"uuids":["GPU-1","MIG-2"]})");
  for (const auto* wrong : {"", "0", "99999999999", ",", "GPU-1,", ",GPU-1", "GPU 1", "GPU/1"}) {
    EXPECT_EQ(parsed(wrong), "no") << wrong;
  }
}

TEST(Words, ShellWordsAreReadBackAsTheyWere) {
  EXPECT_EQ(shell_word("a=b/c,d-e_f.g:h@i"), "a=b/c,d-e_f.g:h@i");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("\"device=GPU-1\""), "'\"device=GPU-1\"'");
  EXPECT_EQ(shell_word("it's $(x)"), R"('it'\''s $(x)')");
}

TEST(Words, DrawnNamesDiffer) {
  const std::string one = drawn_name("run-", 4), other = drawn_name("run-", 4);
  EXPECT_EQ(one.size(), 12U);
  EXPECT_TRUE(one.starts_with("run-"));
  EXPECT_NE(one, other);
}

TEST(Socket, TheFirstThatMayBeUsedIsAsked) {
  const http::Folder folder;
  std::FILE* file = std::fopen((folder / "b").c_str(), "w");
  std::fclose(file);
  const std::vector<std::string> usual{folder / "a", folder / "b"};
  EXPECT_EQ(choose_socket(usual), folder / "b");
  const std::vector<std::string> none{folder / "a", folder / "c"};
  const auto nothing = choose_socket(none);
  ASSERT_FALSE(nothing);
  EXPECT_TRUE(nothing.error().starts_with(
      "there is no allocator to ask:\n  " + (folder / "a") + ": No such file or directory\n  " +
      (folder / "c") + ": No such file or directory\ntry this: ./gpuhub ctl"))
      << nothing.error();
  const std::vector<std::string> closed{folder / "b/under"};
  EXPECT_TRUE(choose_socket(closed).error().contains("Not a directory"));
}

TEST(Socket, TheFoldersNameTellsWhoseItIs) {
  EXPECT_TRUE(is_local_socket("/run/gpuhub/local/allocator.sock"));
  EXPECT_FALSE(is_local_socket("/run/gpuhub/admin/allocator.sock"));
  EXPECT_FALSE(is_local_socket("/local"));
  EXPECT_FALSE(is_local_socket("x.sock"));
}

}  // namespace
}  // namespace gpuhub::ctl
