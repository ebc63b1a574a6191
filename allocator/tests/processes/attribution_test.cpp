#include "processes/attribution.hpp"

#include <gtest/gtest.h>

#include "processes/double.hpp"

namespace gpuhub::processes {
namespace {

model::ContainerId container(char letter) {
  return *model::ContainerId::parse(std::string(64, letter));
}

struct World {
  ProcessesDouble processes;
  Attribution attribution{processes};

  // "a", "ab" for one in another, "-" for none, "?" if nobody can tell.
  std::string find(std::uint32_t pid) {
    const auto* found = attribution.find(pid);
    if (found == nullptr) return "?";
    std::string out;
    for (const auto& one : *found) out += one.str()[0];
    return out.empty() ? "-" : out;
  }
};

TEST(Attribution, ReadsEachProcessOnce) {
  World world;
  world.processes.run(7, 100, {container('a')});
  world.processes.run(8, 100, {});
  for (int look = 0; look < 10; ++look) {
    world.attribution.begin();
    EXPECT_EQ(world.find(7), "a");
    EXPECT_EQ(world.find(7), "a") << "on a second GPU";
    EXPECT_EQ(world.find(8), "-");
  }
  EXPECT_EQ(world.processes.reads, 2);
}

TEST(Attribution, DoesNotTakeANumberThatIsUsedAgainForTheOldProcess) {
  World world;
  world.processes.run(7, 100, {container('a')});
  world.attribution.begin();
  EXPECT_EQ(world.find(7), "a");
  world.processes.run(7, 101, {container('b')});
  world.attribution.begin();
  EXPECT_EQ(world.find(7), "b");
}

TEST(Attribution, DoesNotMixTwoProcessesOfOneNumber) {
  World world;
  world.processes.run(7, 100, {container('a')});
  world.processes.meanwhile = [&] { world.processes.run(7, 101, {container('b')}); };
  world.attribution.begin();
  EXPECT_EQ(world.find(7), "?") << "the number changed hands while it was read";
  world.processes.meanwhile = nullptr;
  EXPECT_EQ(world.find(7), "b");
  world.processes.meanwhile = [&] { world.processes.end(8); };
  world.processes.run(8, 100, {container('a')});
  EXPECT_EQ(world.find(8), "?");
}

TEST(Attribution, TellsOfOneThatEndedOnceMore) {
  World world;
  world.processes.run(7, 100, {container('a')});
  world.attribution.begin();
  EXPECT_EQ(world.find(7), "a");
  world.processes.end(7);
  world.attribution.begin();
  EXPECT_EQ(world.find(7), "a") << "what it did since the last look was its container's";
  EXPECT_EQ(world.find(7), "a");
  world.attribution.begin();
  EXPECT_EQ(world.find(7), "?") << "a driver that goes on to name it";
}

TEST(Attribution, ForgetsWhatIsNotAskedFor) {
  World world;
  world.processes.run(7, 100, {container('a')});
  world.attribution.begin();
  EXPECT_EQ(world.find(7), "a");
  world.attribution.begin();
  world.processes.end(7);
  world.attribution.begin();
  EXPECT_EQ(world.find(7), "?");
}

TEST(Attribution, KnowsNobodyWithoutTheHostsNumbers) {
  World world;
  world.processes.run(7, 100, {container('a')});
  EXPECT_EQ(world.find(0), "?") << "a driver that hides the number";
  world.processes.set_of_host(false);
  EXPECT_EQ(world.find(7), "?");
}

}  // namespace
}  // namespace gpuhub::processes
