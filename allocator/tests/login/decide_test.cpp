// Requests over doubles of accounts and gate.
#include "login/decide.hpp"

#include <gtest/gtest.h>

#include <format>

namespace gpuhub::login {
namespace {

struct Somebody : People {
  std::expected<Account, Answer> find(std::string_view typed) override {
    if (down && !late) {
      return std::unexpected(Answer{.outcome = Outcome::unavailable, .detail = *down});
    }
    if (typed != "ana" && typed != "ANA") {
      return std::unexpected(Answer{.outcome = Outcome::not_allowed, .detail = "nobody"});
    }
    return Account{.name = "ana", .uid = 1001, .gid = 1001};
  }
  bool is_locked(const Account&) override { return locked; }
  std::optional<std::string> trouble() override { return down; }
  bool locked = false;
  std::optional<std::string> down;
  bool late = false;  // who it is was still found out
};

struct Scripted : Gate {
  Answer check(const std::string& name, const std::string& password) override {
    asked += std::format("check {} {};", name, password);
    return answer;
  }
  Answer look(const std::string& name) override {
    asked += std::format("look {};", name);
    return answer;
  }
  Answer answer{.outcome = Outcome::ok};
  std::string asked;
};

struct DecideTest : ::testing::Test {
  Answer check(std::string name, std::string password) {
    Request request;
    request.op = Op::check;
    request.name = std::move(name);
    request.password = std::move(password);
    return decide(request, people, gate);
  }
  Answer look(std::string name) {
    Request request;
    request.op = Op::look;
    request.name = std::move(name);
    return decide(request, people, gate);
  }
  Somebody people;
  Scripted gate;
};

TEST_F(DecideTest, TheGateIsAskedByTheSourcesName) {
  const auto answer = check("ANA", "p");
  EXPECT_EQ(answer.outcome, Outcome::ok);
  ASSERT_TRUE(answer.account);
  EXPECT_EQ(answer.account->name, "ana");
  EXPECT_EQ(gate.asked, "check ana p;");
  EXPECT_EQ(look("ana").account->uid, 1001U);
}

TEST_F(DecideTest, TheGateIsNotEvenAskedAboutOthersNorAboutNoPassword) {
  EXPECT_EQ(check("root", "p").outcome, Outcome::not_allowed);
  EXPECT_EQ(look("root").outcome, Outcome::not_allowed);
  for (const auto& password : {std::string{}, std::string{" "}, std::string(1025, 'x'),
                               std::string("p\0", 2)}) {
    EXPECT_EQ(check("ana", password).outcome, Outcome::wrong);
  }
  EXPECT_EQ(gate.asked, "");
}

TEST_F(DecideTest, NoAccountButWithOk) {
  for (const auto outcome : {Outcome::wrong, Outcome::expired, Outcome::must_change,
                             Outcome::locked, Outcome::unavailable}) {
    gate.answer = {.outcome = outcome, .detail = "why"};
    EXPECT_EQ(check("ana", "p").outcome, outcome);
    EXPECT_EQ(check("ana", "p").detail, "why");
    EXPECT_FALSE(check("ana", "p").account);
    EXPECT_FALSE(look("ana").account);
  }
}

TEST_F(DecideTest, ALockedPasswordIsWrongAndEndsWhatWas) {
  people.locked = true;
  gate.answer = {.outcome = Outcome::wrong, .detail = "wrong password"};
  EXPECT_EQ(check("ana", "p").outcome, Outcome::wrong);  // the person is told no more
  EXPECT_TRUE(check("ana", "p").detail.contains("usermod -L"));
  gate.answer = {.outcome = Outcome::unavailable, .detail = "no entry in shadow"};
  EXPECT_EQ(check("ana", "p").outcome, Outcome::wrong);
  gate.answer = {.outcome = Outcome::ok};
  EXPECT_EQ(look("ana").outcome, Outcome::locked);
}

TEST_F(DecideTest, ASourceThatIsDownSaysNothingOfAnybody) {
  people.down = "gone";
  EXPECT_EQ(check("ana", "p").outcome, Outcome::unavailable);
  EXPECT_EQ(look("root").outcome, Outcome::unavailable);
  EXPECT_EQ(decide({}, people, gate).detail, "gone");
  people.late = true;
  gate.answer = {.outcome = Outcome::unavailable, .detail = "PAM 9"};
  EXPECT_EQ(check("ana", "p").detail, "gone");
  people.down.reset();
  EXPECT_EQ(check("ana", "p").detail, "PAM 9");
  EXPECT_EQ(decide({}, people, gate).outcome, Outcome::ok);
}

TEST(Refusal, IsHeldBackWhateverItsReason) {
  Request request;
  request.op = Op::check;
  for (const auto outcome : {Outcome::wrong, Outcome::not_allowed, Outcome::expired,
                             Outcome::must_change, Outcome::locked}) {
    EXPECT_TRUE(is_refusal(request, {.outcome = outcome})) << to_string(outcome);
  }
  EXPECT_FALSE(is_refusal(request, {.outcome = Outcome::ok}));
  EXPECT_FALSE(is_refusal(request, {.outcome = Outcome::unavailable}));
  request.op = Op::look;
  EXPECT_FALSE(is_refusal(request, {.outcome = Outcome::locked}));
}

}  // namespace
}  // namespace gpuhub::login
