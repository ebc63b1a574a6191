// Who did what on one GPU: what each driver tells, and what to believe of it.
#include "usage/shares.hpp"

#include <gtest/gtest.h>

#include <format>
#include <string>

namespace gpuhub::usage {
namespace {

model::ContainerId container(char letter) {
  return *model::ContainerId::parse(std::string(64, letter));
}

// Of the container of that letter; '-': of none; '?': nobody can tell.
Process process(std::uint32_t pid, char of, std::optional<int> sm = {},
                std::optional<std::int64_t> mib = 100) {
  Process out{.pid = pid, .memory = {}, .sm_percent = sm, .containers = {}};
  if (mib) out.memory = model::Mebibytes{*mib};
  out.known = of != '?';
  if (of != '?' && of != '-') out.containers = {container(of)};
  return out;
}

struct Seen {
  std::optional<int> util;
  std::optional<std::vector<Process>> processes = std::vector<Process>{};
  bool each = true;
  bool mig = false;
};

std::string percent(double ratio) { return std::format("{:.0f}%", ratio * 100); }

// "a: process 30% 100M 1p | b: none | foreign: 0% 0M 0p", of the leases of these letters.
std::string line(const Seen& seen, const std::string& leases, const Watchers& watchers = {}) {
  GpuSample sample{.gpu = *model::GpuId::parse("GPU-a"), .util_percent = seen.util,
                   .processes = seen.processes, .by_process = seen.each, .mig = seen.mig};
  std::vector<model::ContainerId> containers;
  for (const char one : leases) containers.push_back(container(one));
  const auto shares = share(sample, containers, watchers, 1);
  std::string out;
  for (std::size_t i = 0; i < leases.size(); ++i) {
    const auto& one = shares.leases[i];
    out += std::format("{}: ", leases[i]);
    if (one.measured == Measured::none) {
      out += "none | ";
      continue;
    }
    out += std::format("{} {} {} {} | ", one.measured == Measured::process ? "process" : "gpu",
                       percent(one.util),
                       one.memory ? std::format("{}M", one.memory->count) : "?",
                       one.listed ? std::format("{}p", one.pids.size()) : "?");
    EXPECT_EQ(one.why.empty(), one.measured == Measured::process);
  }
  if (!shares.foreign) return out + "foreign: ?";
  const auto& foreign = *shares.foreign;
  return out + std::format("foreign: {} {}M {}p", foreign.util ? percent(*foreign.util) : "?",
                           foreign.memory.count, foreign.processes);
}

TEST(Shares, AreByProcessWhereTheDriverTells) {
  EXPECT_EQ(line({.util = 50, .processes = {{process(1, 'a', 30), process(2, 'b', {})}}}, "ab"),
            "a: process 30% 100M 1p | b: process 0% 100M 1p | foreign: 0% 0M 0p");
  EXPECT_EQ(line({.util = 0, .processes = std::vector<Process>{}}, "a"),
            "a: process 0% ? 0p | foreign: 0% 0M 0p");
  EXPECT_EQ(line({.util = 90, .processes = {{process(1, 'a', 70), process(2, 'a', 70)}}}, "a"),
            "a: process 100% 200M 2p | foreign: 0% 0M 0p") << "more than all cannot be";
  EXPECT_EQ(line({.util = 90, .processes = {{process(1, 'a', 70, {}), process(2, 'a', 5)}}}, "a"),
            "a: process 75% 100M 2p | foreign: 0% 0M 0p") << "memory of some is not told";
}

TEST(Shares, TellForeignLoad) {
  EXPECT_EQ(line({.util = 60, .processes = {{process(1, 'e', 40), process(2, '-', 10),
                                             process(3, 'a', 0)}}}, "a"),
            "a: process 0% 100M 1p | foreign: 50% 200M 2p");
  EXPECT_EQ(line({.util = 60, .processes = {{process(1, 'd', 40), process(2, 'a', 1)}}}, "a",
                 {container('d')}),
            "a: process 1% 100M 1p | foreign: 0% 0M 0p") << "who only watches is not counted";
  EXPECT_EQ(line({.util = 60, .processes = {{process(1, 'e', {})}}, .each = false}, ""),
            "foreign: 60% 100M 1p");
  EXPECT_EQ(line({.util = 60, .processes = {{process(1, 'e', {}), process(2, 'a', {})}},
                  .each = false}, "a"),
            "a: gpu 60% 100M 1p | foreign: ? 100M 1p");
}

TEST(Shares, GoByTheOutermostContainerThatIsKnown) {
  Process nested = process(1, 'a', 30);
  nested.containers = {container('f'), container('a'), container('b')};
  EXPECT_EQ(line({.util = 30, .processes = {{nested}}}, "ba"),
            "b: process 0% ? 0p | a: process 30% 100M 1p | foreign: 0% 0M 0p")
      << "whoever is in a container may call one in it as he likes";
}

TEST(Shares, FallBackToTheWholeGpuOfASoleUser) {
  const auto whole = [](std::vector<Process> processes, const char* leases) {
    return line({.util = 40, .processes = std::move(processes), .each = false}, leases);
  };
  EXPECT_EQ(whole({process(1, 'a')}, "a"), "a: gpu 40% 100M 1p | foreign: 0% 0M 0p");
  EXPECT_EQ(whole({}, "a"), "a: gpu 40% ? 0p | foreign: 0% 0M 0p");
  EXPECT_EQ(whole({process(1, '-')}, "a"), "a: process 0% ? 0p | foreign: ? 100M 1p")
      << "others are there and it is not";
}

TEST(Shares, CountTheWholeGpuForEachThatHasAProcessThere) {
  const auto whole = [](std::vector<Process> processes) {
    return line({.util = 40, .processes = std::move(processes), .each = false}, "ab");
  };
  EXPECT_EQ(whole({process(1, 'a')}),
            "a: gpu 40% 100M 1p | b: process 0% ? 0p | foreign: 0% 0M 0p");
  EXPECT_EQ(whole({process(1, 'a'), process(2, 'b')}),
            "a: gpu 40% 100M 1p | b: gpu 40% 100M 1p | foreign: 0% 0M 0p");
  EXPECT_EQ(whole({}), "a: gpu 40% ? 0p | b: gpu 40% ? 0p | foreign: 0% 0M 0p")
      << "somebody does it";
}

TEST(Shares, AreUnknownWhereThereIsAProcessAndNoLoadAtAll) {
  const auto mig = [](std::vector<Process> processes, const char* leases) {
    return line({.util = {}, .processes = std::move(processes), .each = false, .mig = true},
                leases);
  };
  EXPECT_EQ(mig({process(1, 'a')}, "ab"), "a: none | b: process 0% ? 0p | foreign: 0% 0M 0p");
  EXPECT_EQ(mig({process(1, '?')}, "ab"), "a: none | b: none | foreign: ? 100M 1p");
  EXPECT_EQ(mig({}, "a"), "a: process 0% ? 0p | foreign: 0% 0M 0p");
  EXPECT_EQ(line({.util = {}, .processes = {}, .each = false}, "a"), "a: none | foreign: ?");
}

TEST(Shares, FallBackWhereProcessesAreNotListed) {
  EXPECT_EQ(line({.util = 40, .processes = {}, .each = false}, "ab"),
            "a: gpu 40% ? ? | b: gpu 40% ? ? | foreign: ?");
}

TEST(Shares, DoNotBelieveThatNobodyWorksOnABusyGpu) {
  EXPECT_EQ(line({.util = 40, .processes = {{process(1, 'a', 0), process(2, 'b')}}}, "ab"),
            "a: gpu 40% 100M 1p | b: gpu 40% 100M 1p | foreign: 0% 0M 0p");
  EXPECT_EQ(line({.util = 40, .processes = std::vector<Process>{}}, "a"),
            "a: gpu 40% ? 0p | foreign: 0% 0M 0p");
  EXPECT_EQ(line({.util = 40, .processes = std::vector<Process>{}}, ""), "foreign: 40% 0M 0p");
}

TEST(Shares, CountWhatNobodyCanPlaceForEverybody) {
  EXPECT_EQ(line({.util = 40, .processes = {{process(1, '?', 40)}}}, "ab"),
            "a: gpu 40% ? 0p | b: gpu 40% ? 0p | foreign: 40% 100M 1p");
  EXPECT_EQ(line({.util = 0, .processes = {{process(1, '?', 0)}}}, "a"),
            "a: process 0% ? 0p | foreign: 0% 100M 1p") << "it does nothing";
  EXPECT_EQ(line({.util = 40, .processes = {{process(1, '?')}}, .each = false}, "ab"),
            "a: gpu 40% ? 0p | b: gpu 40% ? 0p | foreign: ? 100M 1p");
}

}  // namespace
}  // namespace gpuhub::usage
