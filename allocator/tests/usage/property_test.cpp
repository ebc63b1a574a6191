// The books of use through random machines, from a printed seed: GPUHUB_SEED=N replays one.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <format>
#include <print>
#include <random>

#include "usage/books.hpp"

namespace gpuhub::usage {
namespace {

using model::Duration;
using model::Instant;

constexpr int gpus = 3;
constexpr int containers = 6;  // four have leases, the fifth watches, the last is a stranger
constexpr int busy_percent = 5;

model::GpuId gpu_id(int index) { return *model::GpuId::parse(std::format("GPU-{}", index)); }
model::LeaseId lease_id(int index) { return *model::LeaseId::parse(std::format("L-{}", index)); }
model::ContainerId container(int index) {
  return *model::ContainerId::parse(std::string(64, static_cast<char>('a' + index)));
}

class Machine {
 public:
  explicit Machine(std::uint64_t seed) : chance_(seed) {
    for (int i = 0; i < 4; ++i) {
      Held held{.lease = lease_id(i), .container = container(i), .gpus = {}};
      for (int gpu = 0; gpu < gpus; ++gpu) {
        if (gpu == i % gpus || one_in(4)) held.gpus.push_back(gpu_id(gpu));
      }
      leases.push_back(std::move(held));
    }
  }
  int below(int end) { return std::uniform_int_distribution<int>(0, end - 1)(chance_); }
  bool one_in(int times) { return below(times) == 0; }

  Process process(std::uint32_t pid) {
    Process out{.pid = pid, .memory = {}, .sm_percent = {}, .containers = {}};
    if (!one_in(8)) out.memory = model::Mebibytes{below(1'000)};
    if (!one_in(3)) out.sm_percent = one_in(2) ? 0 : below(101);
    out.known = !one_in(10);
    if (!out.known) return out;
    if (one_in(5)) out.containers.push_back(container(containers - 1));
    if (!one_in(6)) out.containers.push_back(container(below(containers)));
    return out;
  }
  GpuSample gpu(int index) {
    GpuSample out{.gpu = gpu_id(index), .util_percent = {}, .processes = {}};
    out.mig = one_in(20);
    out.by_process = !out.mig && !one_in(5);
    if (!out.mig && !one_in(8)) out.util_percent = one_in(3) ? 0 : below(101);
    if (one_in(12)) return out;
    out.processes.emplace();
    for (int left = below(5); left > 0; --left) out.processes->push_back(process(next_pid_++));
    return out;
  }
  Sample look() {
    Sample out;
    for (int index = 0; index < gpus; ++index) {
      if (!one_in(15)) out.push_back(gpu(index));
    }
    return out;
  }
  Duration step() { return Duration{one_in(30) ? 10'001 + below(20'000) : 500 + below(3'000)}; }

  std::vector<Held> leases;
  Watchers watchers{container(4)};

 private:
  std::mt19937_64 chance_;
  std::uint32_t next_pid_ = 1;
};

std::int64_t memory_of(std::span<const Process> processes) {
  std::int64_t sum = 0;
  for (const auto& one : processes) sum += one.memory.value_or(model::Mebibytes{}).count;
  return sum;
}

bool watches(const Process& process, const Machine& machine, const GpuSample& sample) {
  for (const auto& one : process.containers) {
    for (const auto& held : machine.leases) {
      if (held.container == one && std::ranges::contains(held.gpus, sample.gpu)) return false;
    }
    if (machine.watchers.contains(one)) return true;
  }
  return false;
}

// Every process is somebody's, once.
void check_memory(const GpuSample& sample, const Machine& machine) {
  if (!sample.processes) return;
  std::vector<model::ContainerId> holders;
  for (const auto& held : machine.leases) {
    if (std::ranges::contains(held.gpus, sample.gpu)) holders.push_back(held.container);
  }
  const auto shares = share(sample, holders, machine.watchers, busy_percent);
  std::int64_t told = shares.foreign->memory.count;
  for (const auto& one : shares.leases) {
    told += one.memory.value_or(model::Mebibytes{}).count;
    ASSERT_GE(one.util, 0);
    ASSERT_LE(one.util, 1);
  }
  for (const auto& one : *sample.processes) {
    if (one.known && watches(one, machine, sample)) told += memory_of({&one, 1});
  }
  ASSERT_EQ(told, memory_of(*sample.processes));
}

// A process of its own, or one that may be its own, is seen to work on one of its GPUs.
bool works(const Held& held, const Sample& sample) {
  for (const GpuSample& one : sample) {
    if (!std::ranges::contains(held.gpus, one.gpu) || !one.processes || !one.by_process) continue;
    for (const auto& process : *one.processes) {
      const bool own = !process.known || (!process.containers.empty() &&
                                          process.containers.front() == held.container);
      if (own && process.sm_percent.value_or(0) >= busy_percent) return true;
    }
  }
  return false;
}

bool measured(const Held& held, const Sample& sample) {
  return std::ranges::all_of(held.gpus, [&](const auto& gpu) {
    return std::ranges::contains(sample, gpu, &GpuSample::gpu);
  });
}

// What the test itself knows of a lease.
struct Known {
  std::optional<Instant> sample;        // the last of all its GPUs
  std::optional<Instant> idle_at_most;  // since when it may be idle
};

void check_lease(const LeaseUsage& use, const Known& known, Instant now, bool works_now) {
  if (use.measured == Measured::none) {
    ASSERT_FALSE(use.busy || use.idle_for || use.utilisation || use.since);
    ASSERT_FALSE(use.why.empty());
    return;
  }
  ASSERT_EQ(use.why.empty(), use.measured == Measured::process);
  ASSERT_TRUE(known.sample);
  ASSERT_TRUE(!*use.busy || use.idle_for == Duration{0});
  ASSERT_TRUE(!works_now || *use.busy);
  ASSERT_LE(*use.idle_for, now - *known.idle_at_most) << "over a gap, or over work";
  ASSERT_LE(*use.idle_for, now - *use.since);
  const auto& average = use.utilisation->average;
  for (const double one : {use.utilisation->now, average.one, average.five, average.fifteen}) {
    ASSERT_TRUE(std::isfinite(one) && one >= 0 && one <= 1 + 1e-9) << one;
  }
}

void run(std::uint64_t seed) {
  Machine machine{seed};
  Books books{{.busy_percent = busy_percent, .sample_every = Duration{2'000}}};
  std::map<model::LeaseId, Known> known;
  Instant now{1};
  for (int step = 0; step < 2'000; ++step) {
    now = now + machine.step();
    const Sample sample = machine.look();
    for (const auto& one : sample) ASSERT_NO_FATAL_FAILURE(check_memory(one, machine));
    books.take(sample, machine.leases, machine.watchers, now);
    for (const auto& held : machine.leases) {
      auto& one = known[held.lease];
      const bool all = measured(held, sample);
      const bool gap = !one.sample || now - *one.sample > books.gap();
      if (all && (gap || works(held, sample))) one.idle_at_most = now;
      if (all) one.sample = now;
      const auto use = books.of(held.lease, now);
      ASSERT_NO_FATAL_FAILURE(check_lease(use, one, now, all && works(held, sample)))
          << "step " << step;
      if (all && use.measured == Measured::none) one = {};
      const auto late = books.of(held.lease, now + books.gap() + Duration{1});
      ASSERT_EQ(late.measured, Measured::none);
    }
  }
}

TEST(UsageProperty, HoldsInRandomMachines) {
  const char* given = std::getenv("GPUHUB_SEED");
  std::uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::println("seed {}", seed);
  for (int runs = given != nullptr ? 1 : 25; runs > 0; --runs, ++seed) {
    ASSERT_NO_FATAL_FAILURE(run(seed)) << "GPUHUB_SEED=" << seed;
  }
}

}  // namespace
}  // namespace gpuhub::usage
