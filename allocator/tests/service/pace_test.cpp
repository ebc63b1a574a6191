// What of one turn goes to disk together, and who does it: the service over doubles.
#include <gtest/gtest.h>

#include <format>

#include "policy/least_used.hpp"
#include "runtime/fake_runtime.hpp"
#include "service/service.hpp"
#include "store/memory_store.hpp"

namespace gpuhub::service {
namespace {
using AtOnce = store::MemoryStore::AtOnce;
using std::chrono::microseconds;

struct Turns final : Pace {
  void at_turn_end(Action what) override { turn.push_back(std::move(what)); }
  void after(microseconds wait, Action what) override {
    waits = wait;
    later = std::move(what);
  }
  void more_may_come() override { ++hints; }
  void spare_time() override { in_spare_time(); }
  microseconds now() override { return time; }
  void end() {
    for (auto& what : std::exchange(turn, {})) what();
  }
  std::vector<Action> turn;
  Action later;
  microseconds waits{}, time{};
  int hints = 0;
  std::function<void()> in_spare_time = [] {};
};

class PaceTest : public testing::Test {
 protected:
  PaceTest() {
    service.start();
    engine.connect();
    engine.deliver_all();
    std::vector<model::GpuInfo> gpus;
    for (int n = 0; n < 64; ++n) {
      gpus.push_back({.id = *model::GpuId::parse(std::format("GPU-{}", n)), .model = "Card",
                      .memory = {1}, .minor = n, .pci_bus = {}, .devices = {}, .mounts = {},
                      .slots = {}});
    }
    service.set_inventory(std::move(gpus));
    engine.deliver_all();
    turns.end();
    if (disk.committing()) disk.finish();
    before = service.counters().commits;
  }
  // Of one more owner.
  model::Request request() {
    const auto n = asked++;
    return {.id = *model::RequestId::parse(std::format("r{}", n)),
            .owner = {*model::HubName::parse("hub"), std::format("user{}", n), ""},
            .groups = {}, .want = model::WantCount{1}, .capabilities = {}};
  }
  void ask() {
    service.ask(request(), [this](auto answer) { answered += answer.has_value() ? 1 : 0; });
  }
  // His answer is made ready first.
  void ask_for_ready() {
    service.ask(request(), [this](auto answer) -> Send {
      made += answer.has_value() ? 1 : 0;
      return [this] { ++answered; };
    });
  }
  std::uint64_t commits() const { return service.counters().commits - before; }
  // So many ask in a turn, and are answered after a flush of this time.
  void flush(int callers, microseconds takes) {
    for (int n = 0; n < callers; ++n) ask();
    turns.end();
    turns.time += takes;
    disk.finish();
  }

  policy::LeastUsed policy;
  store::MemoryStore disk{*model::Epoch::parse("e1")};
  runtime::FakeRuntime engine;
  Turns turns;
  std::string fatal;
  ledger::Settings settings{.host = *model::HostName::parse("h1"), .gpus = {}, .queue = {},
                            .watchers = {}};
  Service service{ledger::Ledger{policy, settings, disk.disk()}, disk, engine,
                  [] { return model::Now{.at = {0}, .wall = {0}}; }, {},
                  [this](std::string why) { fatal = std::move(why); }, &turns};
  std::uint64_t before = 0;
  int asked = 0, made = 0, answered = 0;
};

TEST_F(PaceTest, WhatComesInOneTurnIsOneCommit) {
  ask();
  ask();
  EXPECT_FALSE(disk.committing());
  turns.end();
  ASSERT_TRUE(disk.committing());
  EXPECT_EQ(answered, 0);
  disk.finish();
  EXPECT_EQ(answered, 2);
  EXPECT_EQ(commits(), 1U);
}

TEST_F(PaceTest, WhoIsAloneIsAnsweredAtTheEndOfHisTurn) {
  disk.at_once(AtOnce::durable);
  ask();
  EXPECT_EQ(answered, 0);
  turns.end();
  EXPECT_EQ(answered, 1);
  EXPECT_FALSE(disk.committing());
  EXPECT_EQ(commits(), 1U);
  EXPECT_EQ(disk.disk().leases.size(), 1U);
  EXPECT_EQ(turns.hints, 1);
}

TEST_F(PaceTest, WhoIsAloneHasHisAnswerMadeReadyWhileTheDiskWorks) {
  disk.at_once(AtOnce::durable);
  std::string before_spare_time;
  turns.in_spare_time = [&] { before_spare_time = std::format("{} {}", made, answered); };
  ask_for_ready();
  turns.end();
  EXPECT_EQ(before_spare_time, "1 0");
  EXPECT_EQ(answered, 1);
}

TEST_F(PaceTest, AnswersAreMadeReadyWhileTheDiskWorksAndLeaveAfterIt) {
  ask_for_ready();
  ask_for_ready();
  turns.end();
  ASSERT_TRUE(disk.committing());
  EXPECT_EQ(made, 2);
  EXPECT_EQ(answered, 0);
  ask_for_ready();
  turns.end();
  EXPECT_EQ(made, 2) << "that one's batch is not under way";
  disk.finish();
  ASSERT_TRUE(disk.committing());
  EXPECT_EQ(made, 3);
  EXPECT_EQ(answered, 2);
  disk.fail(true);
  EXPECT_EQ(answered, 2) << "what was made ready is dropped";
}

TEST_F(PaceTest, IfTheStoreCannotAtOnceItsThreadDoesIt) {
  disk.at_once(AtOnce::cannot);
  ask();
  turns.end();
  ASSERT_TRUE(disk.committing());
  disk.finish();
  EXPECT_EQ(answered, 1);
}

TEST_F(PaceTest, AFailureAtOnceIsFatalAndNobodyIsAnswered) {
  disk.at_once(AtOnce::fails);
  ask();
  turns.end();
  EXPECT_NE(fatal.find("could not be written"), std::string::npos) << fatal;
  ask();
  turns.end();
  EXPECT_EQ(answered, 0);
  EXPECT_FALSE(disk.committing());
}

TEST_F(PaceTest, AfterALongFlushOneWaitsForThoseWhoWereAnswered) {
  flush(3, microseconds{2'000});
  ASSERT_EQ(answered, 3);
  ask();
  turns.end();
  EXPECT_FALSE(disk.committing());
  EXPECT_EQ(turns.waits, microseconds{2'000});
  ask();
  ask();
  turns.end();
  EXPECT_TRUE(disk.committing()) << "all are there";
}

TEST_F(PaceTest, NotLongerThanAFlush) {
  flush(3, microseconds{2'000});
  ask();
  turns.end();
  turns.time += microseconds{2'000};
  std::exchange(turns.later, {})();
  ASSERT_TRUE(disk.committing());
  disk.finish();
  EXPECT_EQ(answered, 4);
}

TEST_F(PaceTest, WhatComesDuringAShortFlushGoesAtOnceAfterIt) {
  for (int n = 0; n < 3; ++n) ask();
  turns.end();
  ask();
  turns.end();
  turns.time += microseconds{90};
  disk.finish();
  EXPECT_TRUE(disk.committing());
  EXPECT_EQ(answered, 3);
  disk.finish();
  EXPECT_EQ(answered, 4);
}

}  // namespace
}  // namespace gpuhub::service
