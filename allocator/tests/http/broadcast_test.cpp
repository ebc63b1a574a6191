// Many listeners of one source: what leaves together, what is left out, and who is dropped.
#include "http/broadcast.hpp"

#include <gtest/gtest.h>

#include <format>

namespace gpuhub::http {
namespace {

using std::chrono::milliseconds;

// A listener that keeps what it gets, one text in brackets each.
struct Ear final : StreamSink {
  bool write(Chunk chunk) override {
    if (gone) return false;
    heard += "[" + *chunk + "]";
    last = std::move(chunk);
    return true;
  }
  void end() override { gone = true; }
  bool closed() const override { return gone; }
  std::size_t pending() const override { return 0; }
  void on_close(std::move_only_function<void()>) override {}

  std::string heard;
  Chunk last;
  bool gone = false;
};

struct World {
  explicit World(Pace pace = {.gather = milliseconds{30}})
      : broadcast(loop, pace, [](std::size_t n) { return std::format("({} more)", n); }, "beat") {}
  std::shared_ptr<Ear> ear() {
    auto made = std::make_shared<Ear>();
    broadcast.join(EventStream{made});
    return made;
  }
  bool until_heard(const Ear& ear, std::string_view what) {
    return loop.run_until([&] { return ear.heard == what; }, milliseconds{3000});
  }
  Loop loop;
  Broadcast broadcast;
};

TEST(Broadcast, SaysAtOnceAfterSilenceAndThenInGroups) {
  World world;
  const auto ear = world.ear();
  const auto start = std::chrono::steady_clock::now();
  world.broadcast.say("a");
  world.broadcast.say("b");
  EXPECT_EQ(ear->heard, "") << "not from inside";
  EXPECT_TRUE(world.until_heard(*ear, "[ab]"));
  world.broadcast.say("c");
  world.broadcast.say("d");
  EXPECT_TRUE(world.until_heard(*ear, "[ab][cd]"));
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds{30});
}

TEST(Broadcast, AllShareOneText) {
  World world;
  const auto one = world.ear();
  const auto two = world.ear();
  world.broadcast.say("a");
  EXPECT_TRUE(world.until_heard(*two, "[a]"));
  EXPECT_EQ(one->last.get(), two->last.get());
}

TEST(Broadcast, WhatIsTooMuchIsLeftOutAndSaidSo) {
  World world{{.gather = milliseconds{30}, .gathered_max = 10}};
  const auto ear = world.ear();
  world.broadcast.say("123456");
  EXPECT_TRUE(world.broadcast.wants_more());
  world.broadcast.say("789012");
  EXPECT_FALSE(world.broadcast.wants_more());
  world.broadcast.say("x");
  world.broadcast.leave_out();
  EXPECT_TRUE(world.until_heard(*ear, "[123456789012(2 more)]"));
  EXPECT_TRUE(world.broadcast.wants_more());
  world.broadcast.leave_out();
  EXPECT_TRUE(world.until_heard(*ear, "[123456789012(2 more)][(1 more)]"));
}

TEST(Broadcast, GivesASignOfLife) {
  World world{{.gather = milliseconds{1}, .beat = milliseconds{40}}};
  const auto ear = world.ear();
  EXPECT_TRUE(world.until_heard(*ear, "[beat]"));
  world.broadcast.say("a");
  EXPECT_TRUE(world.until_heard(*ear, "[beat][a]"));
  EXPECT_TRUE(world.until_heard(*ear, "[beat][a][beat]"));
}

TEST(Broadcast, WithoutListenersNothingIsDone) {
  World world;
  EXPECT_FALSE(world.broadcast.wants_more());
  world.broadcast.say("a");
  world.broadcast.leave_out();
  const auto ear = world.ear();
  world.broadcast.say("b");
  EXPECT_TRUE(world.until_heard(*ear, "[b]")) << "nothing of what was before";
}

TEST(Broadcast, WhoHasLeftIsDropped) {
  World world;
  const auto one = world.ear();
  const auto two = world.ear();
  one->gone = true;
  world.broadcast.say("a");
  EXPECT_TRUE(world.until_heard(*two, "[a]"));
  EXPECT_EQ(world.broadcast.listeners(), 1U);
  EXPECT_EQ(one.use_count(), 1);
}

TEST(Broadcast, EndsItsListenersWithItself) {
  std::shared_ptr<Ear> ear;
  {
    World world;
    ear = world.ear();
    world.broadcast.say("a");
  }
  EXPECT_TRUE(ear->gone);
}

}  // namespace
}  // namespace gpuhub::http
