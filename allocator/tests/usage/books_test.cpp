#include "usage/books.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <format>

namespace gpuhub::usage {
namespace {

using model::Duration;
using model::Instant;

model::GpuId gpu_id(int index) { return *model::GpuId::parse(std::format("GPU-{}", index)); }
model::LeaseId lease_id(char letter) { return *model::LeaseId::parse(std::format("L-{}", letter)); }
model::ContainerId container(char letter) {
  return *model::ContainerId::parse(std::string(64, letter));
}

// Books with a clock, and GPUs whose processes tell what they do.
struct World {
  Books books{{.busy_percent = 2, .sample_every = Duration{2'000}}};
  Instant at{1'000'000};
  std::vector<Held> leases;
  Sample sample;

  explicit World(int gpus = 1) {
    for (int i = 0; i < gpus; ++i) {
      sample.push_back({.gpu = gpu_id(i), .util_percent = 0,
                        .processes = std::vector<Process>{}, .by_process = true});
    }
  }
  void hold(char letter, std::vector<int> gpus) {
    Held held{.lease = lease_id(letter), .container = container(letter), .gpus = {}};
    for (const int gpu : gpus) held.gpus.push_back(gpu_id(gpu));
    leases.push_back(std::move(held));
  }
  // The process of that container on that GPU does so much from now on.
  void does(char letter, int percent, int gpu = 0) {
    auto& one = sample[static_cast<std::size_t>(gpu)];
    const auto pid = static_cast<std::uint32_t>(letter);
    std::erase_if(*one.processes, [&](const Process& p) { return p.pid == pid; });
    one.processes->push_back({.pid = pid, .memory = model::Mebibytes{10}, .sm_percent = percent,
                              .containers = {container(letter)}});
    one.util_percent = percent;
  }
  void pass(int seconds) { at = at + Duration{1000 * seconds}; }
  void look() { books.take(sample, leases, {}, at); }
  // Samples every two seconds, for so long.
  void run(int seconds) {
    for (int s = 0; s < seconds; s += 2) {
      pass(2);
      look();
    }
  }
  LeaseUsage use(char letter = 'a') const { return books.of(lease_id(letter), at); }
  // "busy", "idle 12 s", or "none: why".
  std::string show(char letter = 'a') const {
    const auto use = this->use(letter);
    if (use.measured == Measured::none) return "none: " + use.why;
    return *use.busy ? "busy" : std::format("idle {} s", use.idle_for->count() / 1000);
  }
};

TEST(Books, TellBusyFromIdle) {
  World world;
  EXPECT_EQ(world.show(), "none: not measured yet");
  world.hold('a', {0});
  world.does('a', 1);
  world.run(10);
  EXPECT_EQ(world.show(), "idle 8 s") << "since the first sample; 1 % is less than 2";
  EXPECT_EQ(world.use().last_busy, std::nullopt);
  world.does('a', 2);
  world.run(2);
  EXPECT_EQ(world.show(), "busy");
  EXPECT_EQ(world.use().idle_for, Duration{0});
  world.does('a', 0);
  world.run(60);
  EXPECT_EQ(world.show(), "idle 60 s");
  EXPECT_EQ(world.use().last_busy, Instant{1'012'000});
  EXPECT_EQ(world.use().since, Instant{1'002'000});
  EXPECT_EQ(world.use().processes, 1);
  EXPECT_EQ(world.use().memory->count, 10);
}

TEST(Books, TellTwoLeasesOnOneGpuApart) {
  World world;
  world.hold('a', {0});
  world.hold('b', {0});
  world.does('a', 0);
  world.does('b', 80);
  world.run(20);
  EXPECT_EQ(world.show('a'), "idle 18 s");
  EXPECT_EQ(world.show('b'), "busy");
  EXPECT_NEAR(world.use('b').utilisation->average.five, 0.8, 1e-9);
}

TEST(Books, TakeOneBusyGpuOfManyForBusyAndTheMeanForUtilisation) {
  World world(4);
  world.hold('a', {0, 1, 2, 3});
  world.does('a', 4, 2);
  world.does('a', 0, 3);
  world.run(2);
  EXPECT_EQ(world.show(), "busy");
  EXPECT_NEAR(world.use().utilisation->now, 0.01, 1e-9);
  EXPECT_EQ(world.use().processes, 1) << "one process on two GPUs";
  EXPECT_EQ(world.use().memory->count, 20);
}

TEST(Books, AreNeverSureOverAGap) {
  World world;
  world.hold('a', {0});
  world.does('a', 0);
  world.run(100);
  EXPECT_EQ(world.show(), "idle 98 s");
  world.pass(10);
  EXPECT_EQ(world.show(), "idle 108 s") << "some samples may be late";
  world.pass(1);
  EXPECT_EQ(world.show(), "none: not all of its GPUs could be measured for 11 s");
  EXPECT_EQ(world.use().idle_for, std::nullopt);
  EXPECT_EQ(world.books.of(gpu_id(0), world.at).processes, std::nullopt);
  world.look();
  EXPECT_EQ(world.show(), "idle 0 s") << "work may have been in the gap";
  EXPECT_EQ(world.use().since, world.at);
}

TEST(Books, WaitForThreeSamplesWhereTheseAreRare) {
  World world;
  world.books = Books{{.busy_percent = 1, .sample_every = Duration{5'000}}};
  EXPECT_EQ(world.books.gap(), Duration{15'000});
  EXPECT_EQ((Books{{.busy_percent = 1, .sample_every = Duration{1'000}}}.gap()), Duration{10'000});
}

TEST(Books, KnowNothingOfALeaseOneOfWhoseGpusIsSilent) {
  World world(2);
  world.hold('a', {0, 1});
  world.run(20);
  EXPECT_EQ(world.show(), "idle 18 s");
  world.sample.pop_back();
  world.run(12);
  EXPECT_EQ(world.show(), "none: not all of its GPUs could be measured for 12 s");
  EXPECT_EQ(world.books.of(gpu_id(0), world.at).processes, 0);
}

TEST(Books, BeginAnewAfterWhatCouldNotBeTold) {
  World world;
  world.hold('a', {0});
  world.does('a', 0);
  world.run(100);
  world.sample[0].util_percent.reset();
  world.sample[0].by_process = false;
  world.sample[0].mig = true;
  world.run(2);
  EXPECT_EQ(world.show(), "none: the GPU is split (MIG): the driver tells no load of it");
  world.sample[0] = {.gpu = gpu_id(0), .util_percent = 0, .processes = std::vector<Process>{},
                     .by_process = true};
  world.run(4);
  EXPECT_EQ(world.show(), "idle 2 s");
}

TEST(Books, ForgetLeasesThatEnd) {
  World world;
  world.hold('a', {0});
  world.does('a', 50);
  world.run(10);
  world.leases.clear();
  world.run(2);
  EXPECT_EQ(world.show(), "none: not measured yet");
  EXPECT_EQ(world.books.of(gpu_id(0), world.at).foreign->processes, 1) << "it runs on";
}

TEST(Books, LeaveOutWhatIsNotNew) {
  World world;
  world.hold('a', {0});
  world.does('a', 0);
  world.run(4);
  world.does('a', 90);
  world.look();
  world.books.take(world.sample, world.leases, {}, Instant{5});
  EXPECT_EQ(world.show(), "idle 2 s");
}

TEST(Books, KeepAveragesOfEachGpu) {
  World world(2);
  world.sample[1].util_percent.reset();
  world.sample[0].util_percent = 100;
  world.run(60);
  world.sample[0].util_percent = 0;
  world.run(60);
  const auto average = world.books.of(gpu_id(0), world.at).average;
  ASSERT_TRUE(average);
  EXPECT_NEAR(average->one, std::exp(-1.0) * (1 - std::exp(-1.0)) / (1 - std::exp(-2.0)), 1e-9);
  EXPECT_GT(average->fifteen, average->five);
  EXPECT_FALSE(world.books.of(gpu_id(1), world.at).average) << "no load is told";
  EXPECT_FALSE(world.books.of(gpu_id(7), world.at).average);
}

}  // namespace
}  // namespace gpuhub::usage
