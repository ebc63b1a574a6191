#include "bench/http_reader.hpp"

#include <gtest/gtest.h>

namespace gpuhub::bench {
namespace {

constexpr std::string_view created =
    "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n"
    "{\"id\":\"L1\"}";

TEST(HttpReader, WantsMoreUntilTheLastByte) {
  HttpReader reader;
  for (std::size_t size = 0; size < created.size(); ++size) {
    EXPECT_EQ(reader.read(created.substr(0, size)), Reading::more) << size;
  }
  ASSERT_EQ(reader.read(created), Reading::whole);
  EXPECT_EQ(reader.answer().status, 201);
  EXPECT_EQ(reader.answer().body, "{\"id\":\"L1\"}");
  EXPECT_EQ(reader.answer().size, created.size());
  EXPECT_FALSE(reader.answer().close);
}

TEST(HttpReader, LeavesTheNextAnswerAlone) {
  HttpReader reader;
  const auto two = std::string{created} + std::string{created};
  ASSERT_EQ(reader.read(two), Reading::whole);
  EXPECT_EQ(reader.answer().size, created.size());
}

TEST(HttpReader, JoinsChunks) {
  HttpReader reader;
  const std::string head = "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n";
  const std::string body = "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n";
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_EQ(reader.read(head + body.substr(0, size)), Reading::more) << size;
  }
  const auto whole = head + body;
  ASSERT_EQ(reader.read(whole), Reading::whole);
  EXPECT_EQ(reader.answer().body, "abc0123456789");
  EXPECT_EQ(reader.answer().size, whole.size());
}

TEST(HttpReader, KnowsWhenThePeerCloses) {
  const auto closes = [](std::string_view text) {
    HttpReader reader;
    EXPECT_EQ(reader.read(text), Reading::whole) << reader.why();
    return reader.answer().close;
  };
  EXPECT_TRUE(closes("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_FALSE(closes("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_TRUE(closes("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_FALSE(closes("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_FALSE(closes("HTTP/1.1 204 No Content\r\n\r\n"));
}

TEST(HttpReader, SaysWhatItCannotRead) {
  for (const std::string_view text :
       {"SMTP ready\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n"}) {
    HttpReader reader;
    EXPECT_EQ(reader.read(text), Reading::broken) << text;
    EXPECT_FALSE(reader.why().empty()) << text;
  }
  HttpReader reader;
  EXPECT_EQ(reader.read(std::string(http_head_max + 1, 'a')), Reading::broken);
}

}  // namespace
}  // namespace gpuhub::bench
