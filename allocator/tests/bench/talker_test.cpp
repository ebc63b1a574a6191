// Each peer's talker against what that peer says.
#include "bench/talker.hpp"

#include <gtest/gtest.h>

#include <format>

#include "bench/base64.hpp"

namespace gpuhub::bench {
namespace {

std::string http(int status, std::string_view body) {
  return std::format("HTTP/1.1 {} X\r\nContent-Length: {}\r\n\r\n{}", status, body.size(), body);
}
std::string request(Talker& talker) {
  std::string out;
  talker.request(out);
  return out;
}
Heard hear(Talker& talker, std::string_view text) {
  const auto heard = talker.hear(text);
  if (heard == Heard::again || heard == Heard::done) {
    EXPECT_EQ(text, "");
  }
  return heard;
}

TEST(HttpTalker, AsksThenReleasesWhatItGot) {
  const auto talker = http_talker({.run = "7"}, 3);
  const auto ask = request(*talker);
  EXPECT_TRUE(ask.starts_with("POST /v1/leases HTTP/1.1\r\n"));
  EXPECT_TRUE(ask.ends_with(
      "\r\n\r\n{\"request_id\":\"7-3-1\",\"owner\":{\"user\":\"user-3\"},\"gpus\":{\"count\":1}}"));
  EXPECT_EQ(hear(*talker, http(201, R"({"gpus":[{"uuid":"GPU-0"}], "id" : "L-e-1"})")),
            Heard::done);
  EXPECT_TRUE(talker->holds());
  EXPECT_TRUE(request(*talker).starts_with("DELETE /v1/leases/L-e-1 HTTP/1.1\r\n"));
  EXPECT_EQ(hear(*talker, http(200, "{}")), Heard::done);
  EXPECT_FALSE(talker->holds());
  EXPECT_NE(request(*talker).find("\"7-3-2\""), std::string::npos);
}

TEST(HttpTalker, KeepsWhereItIsToldTo) {
  const auto talker = http_talker({.want = R"({"none":true})", .release = false, .run = "7"}, 3);
  EXPECT_NE(request(*talker).find(R"("user-7-3-1"},"gpus":{"none":true}})"), std::string::npos);
  EXPECT_EQ(hear(*talker, http(201, R"({"id":"L-e-1"})")), Heard::done);
  EXPECT_FALSE(talker->holds());
  EXPECT_NE(request(*talker).find("\"user-7-3-2\""), std::string::npos);
}

TEST(HttpTalker, SaysWhatWentWrong) {
  const auto talker = http_talker({}, 0);
  EXPECT_EQ(hear(*talker, http(409, "no-gpu-free")), Heard::broken);
  EXPECT_NE(talker->trouble().find("409 instead of 201: no-gpu-free"), std::string::npos);
  EXPECT_EQ(hear(*talker, http(201, "{}")), Heard::broken);
}

TEST(RedisTalker, RunsOneScriptForEach) {
  const auto talker = redis_talker({.ask_sha = "aa", .release_sha = "bb"}, 3);
  EXPECT_EQ(request(*talker),
            "*7\r\n$7\r\nEVALSHA\r\n$2\r\naa\r\n$1\r\n3\r\n$4\r\ngpus\r\n$6\r\nleases\r\n"
            "$6\r\nserial\r\n$6\r\nuser-3\r\n");
  EXPECT_EQ(hear(*talker, "*2\r\n$2\r\n17\r\n$5\r\nGPU-0\r\n"), Heard::done);
  EXPECT_EQ(request(*talker),
            "*6\r\n$7\r\nEVALSHA\r\n$2\r\nbb\r\n$1\r\n2\r\n$4\r\ngpus\r\n$6\r\nleases\r\n"
            "$2\r\n17\r\n");
  EXPECT_EQ(hear(*talker, ":1\r\n"), Heard::done);
  EXPECT_FALSE(talker->holds());
  EXPECT_EQ(hear(*talker, "*0\r\n"), Heard::broken);
  EXPECT_EQ(hear(*talker, "-NOSCRIPT none\r\n"), Heard::broken);
  EXPECT_EQ(talker->trouble(), "NOSCRIPT none");
}

std::string gpu(int number, int revision, int leases) {
  return std::format(R"({{"key":"{}","mod_revision":"{}","value":"{}"}})",
                     base64(std::format("gpu/{}", number)), revision,
                     base64(std::to_string(leases)));
}

TEST(EtcdTalker, ReadsSwapsAndTriesAnew) {
  const auto talker = etcd_talker({.slots = 4, .run = "7"}, 0);
  const auto gpus = std::format(R"({{"kvs":[{},{},{}]}})", gpu(0, 11, 2), gpu(1, 12, 1),
                                gpu(2, 13, 1));
  EXPECT_NE(request(*talker).find("/v3/kv/range"), std::string::npos);
  ASSERT_EQ(hear(*talker, http(200, gpus)), Heard::again);
  const auto swap = request(*talker);
  EXPECT_NE(swap.find("/v3/kv/txn"), std::string::npos);
  EXPECT_NE(swap.find(R"("target":"MOD","mod_revision":"12")"), std::string::npos);
  EXPECT_NE(swap.find(std::format(R"("key":"{}","value":"{}")", base64("gpu/1"), base64("2"))),
            std::string::npos);
  EXPECT_NE(swap.find(base64("lease/7-0-1")), std::string::npos);
  ASSERT_EQ(hear(*talker, http(200, R"({"header":{}})")), Heard::again);  // somebody was faster
  EXPECT_EQ(talker->conflicts(), 1U);
  EXPECT_NE(request(*talker).find("/v3/kv/range"), std::string::npos);
  ASSERT_EQ(hear(*talker, http(200, gpus)), Heard::again);
  std::ignore = request(*talker);
  EXPECT_EQ(hear(*talker, http(200, R"({"succeeded":true})")), Heard::done);
  EXPECT_TRUE(talker->holds());
}

TEST(EtcdTalker, GivesBackTheLeaseItHolds) {
  const auto talker = etcd_talker({.slots = 4, .run = "7"}, 0);
  std::ignore = request(*talker);
  ASSERT_EQ(hear(*talker, http(200, std::format(R"({{"kvs":[{}]}})", gpu(0, 11, 2)))),
            Heard::again);
  std::ignore = request(*talker);
  ASSERT_EQ(hear(*talker, http(200, R"({"succeeded":true})")), Heard::done);
  EXPECT_TRUE(request(*talker).ends_with(std::format(R"({{"key":"{}"}})", base64("gpu/0"))));
  ASSERT_EQ(hear(*talker, http(200, std::format(R"({{"kvs":[{}]}})", gpu(0, 14, 3)))),
            Heard::again);
  const auto swap = request(*talker);
  EXPECT_NE(swap.find(std::format(R"("value":"{}")", base64("2"))), std::string::npos);
  EXPECT_NE(swap.find(std::format(R"("request_delete_range":{{"key":"{}"}})",
                                  base64("lease/7-0-1"))),
            std::string::npos);
  EXPECT_EQ(hear(*talker, http(200, R"({"succeeded":true})")), Heard::done);
  EXPECT_FALSE(talker->holds());
}

TEST(EtcdTalker, SaysWhatIsNotUnderstood) {
  for (const auto& text : {http(500, "no leader"), http(200, "{"), http(200, "[]"),
                           http(200, R"({"kvs":[{}]})"), http(200, R"({"kvs":[]})"),
                           http(200, std::format(R"({{"kvs":[{}]}})", gpu(0, 1, 4)))}) {
    const auto talker = etcd_talker({.slots = 4, .run = "7"}, 0);
    EXPECT_EQ(hear(*talker, text), Heard::broken) << text;
    EXPECT_FALSE(talker->trouble().empty());
  }
}

}  // namespace
}  // namespace gpuhub::bench
