#include "bench/resp.hpp"

#include <gtest/gtest.h>

namespace gpuhub::bench {
namespace {

TEST(Resp, WritesCommands) {
  std::string out;
  write_command({"HGET", "leases", ""}, out);
  EXPECT_EQ(out, "*3\r\n$4\r\nHGET\r\n$6\r\nleases\r\n$0\r\n\r\n");
}

TEST(Resp, ReadsScalars) {
  RespReader reader;
  ASSERT_EQ(reader.read("+OK\r\n"), Reading::whole);
  EXPECT_EQ(reader.reply().text, "OK");
  EXPECT_EQ(reader.size(), 5U);
  ASSERT_EQ(reader.read(":1\r\n:2\r\n"), Reading::whole);
  EXPECT_EQ(reader.reply().text, "1");
  EXPECT_EQ(reader.size(), 4U);
  ASSERT_EQ(reader.read("-NOSCRIPT none\r\n"), Reading::whole);
  EXPECT_EQ(reader.reply().kind, Reply::Kind::error);
  EXPECT_EQ(reader.reply().text, "NOSCRIPT none");
  ASSERT_EQ(reader.read("$4\r\na\r\nb\r\n"), Reading::whole);
  EXPECT_EQ(reader.reply().text, "a\r\nb");
  ASSERT_EQ(reader.read("$-1\r\n"), Reading::whole);
  EXPECT_EQ(reader.reply().kind, Reply::Kind::null);
}

TEST(Resp, ReadsArraysWhenTheyAreWhole) {
  const std::string_view array = "*3\r\n$2\r\n17\r\n:5\r\n$-1\r\n";
  RespReader reader;
  for (std::size_t size = 0; size < array.size(); ++size) {
    EXPECT_EQ(reader.read(array.substr(0, size)), Reading::more) << size;
  }
  ASSERT_EQ(reader.read(array), Reading::whole);
  EXPECT_EQ(reader.reply().items, (std::vector<std::string_view>{"17", "5", ""}));
  EXPECT_EQ(reader.size(), array.size());
  ASSERT_EQ(reader.read("*0\r\n"), Reading::whole);
  EXPECT_EQ(reader.reply().kind, Reply::Kind::array);
  ASSERT_EQ(reader.read("*-1\r\n"), Reading::whole);
  EXPECT_EQ(reader.reply().kind, Reply::Kind::null);
}

TEST(Resp, SaysWhatIsNoReply) {
  for (const std::string_view text : {"HTTP/1.1 200 OK\r\n", "$x\r\n", "$99999999999\r\n", "\r\n",
                                      "$1\r\nab\r\n", "*9999999\r\n", "*1\r\n*0\r\n"}) {
    RespReader reader;
    EXPECT_EQ(reader.read(text), Reading::broken) << text;
  }
}

}  // namespace
}  // namespace gpuhub::bench
