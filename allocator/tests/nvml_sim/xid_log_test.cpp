#include "nvml_sim/xid_log.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "scratch.hpp"

namespace gpuhub::nvml_sim {
namespace {

constexpr auto kUuid = "GPU-51d00000-0000-4000-8000-000000000000";

std::string error_of(std::string_view xids, std::string_view next = "9") {
  const auto log = parse_xids(std::format(R"({{"next":{},"xids":[{}]}})", next, xids));
  return log ? "no error" : log.error();
}
std::string one(std::string_view number, std::string_view xid = "79",
                std::string_view uuid = kUuid) {
  return std::format(R"({{"number":{},"uuid":"{}","xid":{}}})", number, uuid, xid);
}

TEST(XidLog, IsReadAsWritten) {
  XidLog log;
  raise(log, kUuid, 79);
  raise(log, kUuid, ~0ULL);
  const auto read = parse_xids(to_json(log));
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->next, 3U);
  ASSERT_EQ(read->raised.size(), 2U);
  EXPECT_EQ(read->raised[1].xid, ~0ULL);
  EXPECT_EQ(to_json(*read), to_json(log));
  EXPECT_EQ(to_json(*parse_xids(to_json(XidLog{}))), to_json(XidLog{}));
}

TEST(XidLog, ForgetsTheOldest) {
  XidLog log;
  for (std::uint64_t xid = 0; xid < kMaxXids + 2; ++xid) raise(log, kUuid, xid);
  EXPECT_EQ(log.raised.size(), kMaxXids);
  EXPECT_EQ(log.raised.front().xid, 2U);
  EXPECT_TRUE(parse_xids(to_json(log)));
}

TEST(XidLog, NamesWhatIsWrong) {
  EXPECT_EQ(error_of(one("1") + "," + one("8")), "no error");
  EXPECT_EQ(error_of(one("2") + "," + one("2")), "xids must be numbered upwards");
  EXPECT_EQ(error_of(one("0")), "xids must be numbered upwards");
  EXPECT_EQ(error_of(one("9")), "xids must be numbered upwards");
  EXPECT_EQ(error_of(one("1", "-1")),
            "xids[0].xid must be a whole number, 0 to 18446744073709551615");
  EXPECT_EQ(error_of(one("1", "1", "GPU-0")),
            "xids[0].uuid must be GPU- and a UUID in small letters");
  EXPECT_EQ(error_of("", "1e99"), "next must be a whole number, 0 to 9007199254740992");
  EXPECT_EQ(error_of("{}"), "xids[0].number is missing");
}

// A file of the same length, made in the same moment, is told from the one before.
TEST(XidReader, SeesEveryChange) {
  const Scratch scratch(1);
  const auto path = scratch.state("xids.json");
  XidReader reader(path);
  EXPECT_EQ(reader.look().next, 1U);
  for (std::uint64_t next = 2; next < 100; ++next) {
    ASSERT_TRUE(raise_xid(scratch.folder(), "0", 79));
    EXPECT_EQ(reader.look().next, next);
  }
}

TEST(XidReader, NeverWaitsForAFile) {
  const Scratch scratch(1);
  ASSERT_EQ(::mkfifo(scratch.state("xids.json").c_str(), 0666), 0);
  XidReader reader(scratch.state("xids.json"));
  EXPECT_EQ(reader.look().next, 1U);
}

TEST(RaiseXid, RefusesWhatCannotBe) {
  const Scratch scratch(2);
  const auto error = [&](const char* gpu, unsigned times) {
    return raise_xid(scratch.folder(), gpu, 79, times).error();
  };
  EXPECT_TRUE(error("7", 1).starts_with("no GPU 7 in "));
  EXPECT_EQ(error("0", 0), "times: 1 to 1024");
  EXPECT_EQ(error("0", 1025), "times: 1 to 1024");
  Scratch::write(scratch.state("xids.json"), "{");
  EXPECT_NE(error("0", 1).find("xids.json: not JSON"), std::string::npos) << error("0", 1);
}

TEST(SetPlugged, CountsOnlyWhatChanges) {
  const Scratch scratch(2);
  const auto shown = [&] { return show_folder(scratch.folder()).value(); };
  ASSERT_TRUE(set_plugged(scratch.folder(), "1", true));
  EXPECT_EQ(shown().find("unplugged"), std::string::npos);
  ASSERT_TRUE(set_plugged(scratch.folder(), "all", false));
  ASSERT_TRUE(set_plugged(scratch.folder(), scratch.uuid(1), true));
  EXPECT_EQ(shown().find("unplugged"), shown().rfind("unplugged"));
  ASSERT_TRUE(change_load(scratch.folder(), "0", {.clear = true}));
  EXPECT_NE(shown().find("unplugged"), std::string::npos) << "an idle load puts no card back";
  ASSERT_TRUE(set_init_code(scratch.folder(), 9));
  EXPECT_NE(shown().find("fails with code 9"), std::string::npos);
  EXPECT_FALSE(set_init_code(scratch.folder(), 1000));
  EXPECT_FALSE(set_plugged(scratch.folder(), "2", true));
}

}  // namespace
}  // namespace gpuhub::nvml_sim
