// What the hub may ask, and how it is answered.
#include "login/request.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "login/account.hpp"

namespace gpuhub::login {
namespace {

std::string fault(std::string_view line) {
  const auto request = read_request(line);
  return request ? "none" : request.error();
}

TEST(Request, AsksOneOfThree) {
  const auto check = read_request(R"({"op":"check","name":"ana","password":"pä \"1\""})");
  ASSERT_TRUE(check) << check.error();
  EXPECT_EQ(check->op, Op::check);
  EXPECT_EQ(check->name, "ana");
  EXPECT_EQ(check->password, "pä \"1\"");
  const auto look = read_request(R"({"name":"ana","op":"look"})");
  ASSERT_TRUE(look) << look.error();
  EXPECT_EQ(look->op, Op::look);
  ASSERT_TRUE(read_request(R"({"op":"ping"})"));
}

TEST(Request, IsReadStrictly) {
  EXPECT_EQ(fault(R"({"op":"open"})"), "/op: not allowed; allowed: check, look, ping");
  EXPECT_EQ(fault(R"({"name":"ana"})").substr(0, 12), "/op: missing");
  EXPECT_EQ(fault(R"({"op":"look"})"), "/name: missing");
  EXPECT_EQ(fault(R"({"op":"check","name":"ana"})"), "/password: missing");
  EXPECT_EQ(fault(R"({"op":"check","name":"ana","password":7})"),
            "/password: expected a string, not a whole number");
  EXPECT_TRUE(fault(R"({"op":"look","name":"ana","password":"x"})").contains("unknown field"));
  EXPECT_TRUE(fault(R"({"op":"ping","name":"ana"})").contains("unknown field"));
  EXPECT_TRUE(fault(R"({"op":"look","name":"ana","name":"bo"})").contains("twice"));
  for (const auto* odd : {"", "{", "[]", "null", "\"check\"", "{\"op\":\"ping\"} x"}) {
    EXPECT_NE(fault(odd), "none") << odd;
  }
  EXPECT_NE(fault("{\"op\":\"look\",\"name\":\"\xff\"}"), "none");
}

TEST(Request, NoFaultTellsThePassword) {
  for (const auto* line : {R"({"op":"check","name":1,"password":"hunter2"})",
                           R"({"op":"ping","password":"hunter2"})",
                           R"({"op":"check","name":"a","password":"hunter2","password":"x"})",
                           R"({"op":"check","name":"a","password":"hunter2")"}) {
    EXPECT_FALSE(fault(line).contains("hunter2")) << fault(line);
  }
}

TEST(Request, ItsPasswordIsWiped) {
  std::string text(200, 'x');  // long enough to lie on the heap
  const char* bytes = text.data();
  wipe(text);
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(std::string_view(bytes, 200), std::string(200, '\0'));
}

TEST(Request, NamesThatTheHubTakes) {
  for (const auto* good : {"a", "Ana", "_x", "3d", "ana.b@dom-1"}) {
    EXPECT_TRUE(is_name(good)) << good;
  }
  EXPECT_TRUE(is_name(std::string(64, 'a')));
  for (const auto* bad : {"", "-rf", ".a", "@a", "a/b", "a b", "a{b}", "o'brien", "*", "jörg",
                          "a)(uid=*", "a\n", "AD\\ana"}) {
    EXPECT_FALSE(is_name(bad)) << bad;
  }
  EXPECT_FALSE(is_name(std::string(65, 'a')));
}

TEST(Request, PasswordsThatPamIsAskedAbout) {
  EXPECT_TRUE(is_password("x"));
  EXPECT_TRUE(is_password(" x "));
  EXPECT_TRUE(is_password(std::string(1024, 'x')));
  for (const std::string bad : {"", " ", "\t \n", "\r\v\f"}) EXPECT_FALSE(is_password(bad));
  EXPECT_FALSE(is_password(std::string(1025, 'x')));
  EXPECT_FALSE(is_password(std::string("a\0b", 3)));
}

TEST(Answer, IsOneLine) {
  EXPECT_EQ(to_line({.outcome = Outcome::not_allowed, .detail = "a \"b\"\n"}),
            "{\"outcome\":\"not-allowed\",\"detail\":\"a \\\"b\\\"\\u000a\"}\n");
  const Account ana{.name = "ana", .uid = 1001, .gid = 4294967294U,
                    .groups = {{"", 4294967294U}, {"domain users", 2000}},
                    .home = "/home/ana", .shell = "/bin/sh"};
  EXPECT_EQ(to_line({.outcome = Outcome::ok, .account = ana}),
            "{\"outcome\":\"ok\",\"detail\":\"\",\"account\":{\"name\":\"ana\",\"uid\":1001,"
            "\"gid\":4294967294,\"groups\":[{\"name\":\"\",\"gid\":4294967294},"
            "{\"name\":\"domain users\",\"gid\":2000}],"
            "\"home\":\"/home/ana\",\"shell\":\"/bin/sh\"}}\n");
}

}  // namespace
}  // namespace gpuhub::login
