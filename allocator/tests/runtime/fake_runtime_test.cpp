// The double tells what a real engine tells, of containers of ours and of others.
#include "runtime/fake_runtime.hpp"

#include <gtest/gtest.h>

namespace gpuhub::runtime {
namespace {

const std::map<std::string, std::string> ours{{"gpuhub.lease", "L-1"}};
const model::GpuClaim everything{.all = true, .names = {}, .nodes = {}};

struct World {
  World() {
    engine.watch([this](Signal signal) {
      if (const auto* event = std::get_if<ContainerEvent>(&signal)) {
        static constexpr const char* kinds[] = {"created", "started",   "died",
                                                "oom",     "destroyed", "other"};
        seen += kinds[static_cast<int>(event->kind)];
        seen += event->labels.empty() ? "-other;" : "-ours;";
      }
    });
    engine.connect();
  }
  std::string events() {
    engine.deliver_all();
    return std::exchange(seen, {});
  }
  std::string list() {
    std::string text;
    engine.list([&](auto containers) {
      for (const auto& one : *containers) {
        text += one.name + " ";
        EXPECT_FALSE(one.claim || one.exit_code);
      }
    });
    engine.deliver_all();
    return text;
  }
  Container inspect(const model::ContainerId& id) {
    std::optional<Container> found;
    engine.inspect(id, [&](auto container) { found = *std::move(container); });
    engine.deliver_all();
    return found.value();
  }

  FakeRuntime engine;
  std::string seen;
};

TEST(FakeRuntime, TellsOfAllContainersAndListsThoseOfOthersThatRun) {
  World world;
  world.engine.create(1, "mine", ours);
  const auto other = world.engine.create_foreign(2, "theirs", "cuda:12", everything);
  EXPECT_EQ(world.list(), "mine ");
  ASSERT_TRUE(world.engine.start(other));
  EXPECT_EQ(world.list(), "mine theirs ");
  ASSERT_TRUE(world.engine.pause(other));
  EXPECT_EQ(world.list(), "mine theirs ");
  ASSERT_TRUE(world.engine.rename(other, "moved"));
  ASSERT_TRUE(world.engine.die(other, 3));
  EXPECT_EQ(world.list(), "mine ");
  EXPECT_EQ(world.events(),
            "created-ours;created-other;started-other;other-other;other-other;died-other;");
}

TEST(FakeRuntime, TellsAClaimWhenAskedForOneThatNamesNoLease) {
  World world;
  const auto other = world.engine.create_foreign(1, "theirs", "cuda:12", everything);
  const auto container = world.inspect(other);
  EXPECT_EQ(container.claim, everything);
  EXPECT_EQ(container.image, "cuda:12");
  EXPECT_FALSE(world.inspect(world.engine.create_foreign(2, "none", "cuda:12", {})).claim);
  EXPECT_FALSE(world.inspect(world.engine.create(3, "mine", ours)).claim);
}

TEST(FakeRuntime, OnlyOursAreRemovedOrStopped) {
  World world;
  const auto other = world.engine.create_foreign(1, "theirs", "cuda:12", everything);
  std::string said;
  const auto note = [&](auto done) { said += done ? "done;" : done.error().message + ";"; };
  world.engine.remove_created(other, note);
  world.engine.stop(other, std::chrono::seconds{1}, note);
  world.engine.deliver_all();
  EXPECT_EQ(said, "the container is not ours;the container is not ours;");
}

// As engine 26.1 does (data/26.1/events.jsonl, crash-*): the death came before the wait.
TEST(FakeRuntime, OneThatWaitsForItsRestartHolds) {
  World world;
  const auto id = world.engine.create_foreign(1, "loop", "cuda:12", everything);
  ASSERT_TRUE(world.engine.start(id));
  ASSERT_TRUE(world.engine.crash(id, 7));
  EXPECT_EQ(world.inspect(id).state, ContainerState::restarting);
  EXPECT_FALSE(world.inspect(id).exit_code);
  EXPECT_EQ(world.list(), "loop ");
  EXPECT_FALSE(world.engine.die(id, 1));
  ASSERT_TRUE(world.engine.start(id));
  ASSERT_TRUE(world.engine.crash(id, 7));
  ASSERT_TRUE(world.engine.give_up(id));
  EXPECT_EQ(world.inspect(id).exit_code, 7);
  EXPECT_EQ(world.events(), "created-other;started-other;died-other;started-other;died-other;"
                            "other-other;");
  ASSERT_TRUE(world.engine.start(id));
  ASSERT_TRUE(world.engine.crash(id, 7));
  EXPECT_EQ(world.events(), "started-other;died-other;");
  ASSERT_TRUE(world.engine.give_up(id, true));
  EXPECT_EQ(world.events(), "") << "killed while it waits: nothing is told";
  EXPECT_EQ(world.list(), "");
}

}  // namespace
}  // namespace gpuhub::runtime
