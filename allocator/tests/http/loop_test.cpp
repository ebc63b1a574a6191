#include "http/loop.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <optional>
#include <thread>

namespace gpuhub::http {
namespace {

using std::chrono::milliseconds;

TEST(Loop, RunsWhatOtherThreadsPost) {
  Loop loop;
  int calls = 0;
  std::thread other{[&] {
    for (int i = 0; i < 1000; ++i) loop.post([&] { ++calls; });
    loop.post([&] { loop.stop(); });
  }};
  loop.run();
  other.join();
  EXPECT_EQ(calls, 1000);
}

TEST(Loop, OutsideATurnItsEndIsSoonAndNeverFromInside) {
  Loop loop;
  bool called = false;
  loop.at_turn_end([&] { called = true; });
  EXPECT_FALSE(called);
  EXPECT_TRUE(loop.run_until([&] { return called; }, milliseconds{3000}));
}

TEST(Loop, MayRunAgainAfterAStop) {
  Loop loop;
  loop.stop();
  loop.run();
  bool called = false;
  loop.post([&] { called = true; });
  EXPECT_TRUE(loop.run_until([&] { return called; }, milliseconds{3000}));
  EXPECT_FALSE(loop.run_until([] { return false; }, milliseconds{5}));
}

TEST(Loop, HandsOverSignals) {
  Loop loop;
  int got = 0;
  loop.on_signal({SIGUSR1, SIGUSR2}, [&](int number) { got += number; });
  std::raise(SIGUSR1);
  EXPECT_TRUE(loop.run_until([&] { return got == SIGUSR1; }, milliseconds{3000}));
  std::raise(SIGUSR2);
  EXPECT_TRUE(loop.run_until([&] { return got == SIGUSR1 + SIGUSR2; }, milliseconds{3000}));
}

// Not longer than it was told: a loop that went on would take all of the time.
TEST(Loop, IsAwakeForAWhileAndSleepsAgain) {
  Loop loop;
  loop.stay_awake(milliseconds{5});
  loop.stay_awake(milliseconds{10});
  const auto used = [] {
    timespec cpu{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    return std::chrono::seconds{cpu.tv_sec} + std::chrono::nanoseconds{cpu.tv_nsec};
  };
  const auto before = used();
  bool called = false;
  loop.post([&] { called = true; });
  EXPECT_FALSE(loop.run_until([] { return false; }, milliseconds{200}));
  EXPECT_TRUE(called);
  EXPECT_LT(used() - before, milliseconds{100});
}

TEST(Timer, CallsOnceForTheLastSet) {
  Loop loop;
  int calls = 0;
  Timer timer{loop, [&] { ++calls; }};
  timer.set(milliseconds{1});
  timer.set(milliseconds{2});
  EXPECT_FALSE(loop.run_until([&] { return calls > 1; }, milliseconds{20}));
  EXPECT_EQ(calls, 1);
  timer.set(milliseconds{1});
  timer.cancel();
  EXPECT_FALSE(loop.run_until([&] { return calls > 1; }, milliseconds{10}));
}

TEST(Timer, AnEarlierCallStays) {
  Loop loop;
  int calls = 0;
  Timer timer{loop, [&] { ++calls; }};
  timer.set_at_most(milliseconds{1});
  timer.set_at_most(milliseconds{60'000});
  EXPECT_TRUE(loop.run_until([&] { return calls == 1; }, milliseconds{3000}));
  timer.set_at_most(milliseconds{60'000});
  timer.set_at_most(milliseconds{1});
  EXPECT_TRUE(loop.run_until([&] { return calls == 2; }, milliseconds{3000}));
  timer.set(milliseconds{1});
  timer.cancel();
  timer.set_at_most(milliseconds{1});
  EXPECT_TRUE(loop.run_until([&] { return calls == 3; }, milliseconds{3000}));
}

// Also when its time has come and the call is queued already.
TEST(Timer, NeverCallsAfterItsEnd) {
  Loop loop;
  bool called = false;
  std::optional<Timer> timer;
  timer.emplace(loop, [&] { called = true; });
  timer->set(milliseconds{0});
  loop.post([&] { timer.reset(); });
  loop.run_until([] { return false; }, milliseconds{10});
  EXPECT_FALSE(called && timer.has_value());
  EXPECT_FALSE(timer.has_value());
}

}  // namespace
}  // namespace gpuhub::http
