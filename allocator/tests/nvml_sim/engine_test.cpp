#include "nvml_sim/engine.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "scratch.hpp"

namespace gpuhub::nvml_sim {
namespace {

Places places_of(const Scratch& scratch, bool all = false) {
  return {.state_dir = scratch.state(), .device_dir = scratch.dev(), .all_visible = all};
}

// What a client sees: "0=minor0 40% | 1=minor2 0%".
std::string show(Engine& engine) {
  std::string out;
  for (unsigned index = 0; index < engine.count(); ++index) {
    const auto view = engine.view(engine.by_index(index));
    if (!out.empty()) out += " | ";
    out += view ? std::format("{}=minor{} {}%", view->index, view->gpu.minor, view->load.gpu_util)
                : std::format("{}=code {}", index, static_cast<int>(view.error()));
  }
  return out;
}

TEST(Engine, ShowsTheGpusWhoseNodesOpenRenumbered) {
  const Scratch scratch;
  std::filesystem::remove(scratch.node(0));
  std::filesystem::remove(scratch.node(2));
  Engine engine;
  ASSERT_EQ(engine.init(places_of(scratch)), kSuccess);
  EXPECT_EQ(show(engine), "0=minor1 0% | 1=minor3 0%");
  EXPECT_EQ(engine.by_pci(scratch.machine.gpus[1].pci), engine.by_index(0));
  EXPECT_EQ(engine.by_pci(scratch.machine.gpus[2].pci), nullptr);
}

TEST(Engine, ShowsAllWhenToldTo) {
  const Scratch scratch;
  std::filesystem::remove_all(scratch.dev());
  Engine engine;
  ASSERT_EQ(engine.init(places_of(scratch, true)), kSuccess);
  EXPECT_EQ(engine.count(), 4U);
}

// A socket cannot be opened (ENXIO), as a made-up device that the cgroup lets through.
TEST(Engine, TakesEnxioForADeviceThatIsAllowed) {
  const Scratch scratch(1);
  std::filesystem::remove(scratch.node(0));
  ASSERT_EQ(::mknod(scratch.node(0).c_str(), S_IFSOCK | 0666, 0), 0);
  EXPECT_TRUE(can_open_node(scratch.node(0)));
  EXPECT_FALSE(can_open_node(scratch.dev()));  // EISDIR
  EXPECT_FALSE(can_open_node(scratch.dev() + "/none"));
}

TEST(Engine, CountsItsUsers) {
  const Scratch scratch;
  Engine engine;
  EXPECT_EQ(engine.shutdown(), kUninitialized);
  EXPECT_EQ(engine.init(places_of(scratch)), kSuccess);
  EXPECT_EQ(engine.init(places_of(scratch)), kSuccess);
  EXPECT_EQ(engine.shutdown(), kSuccess);
  EXPECT_TRUE(engine.initialised());
  EXPECT_EQ(engine.shutdown(), kSuccess);
  EXPECT_FALSE(engine.initialised());
  EXPECT_EQ(engine.count(), 0U);
  EXPECT_EQ(engine.view(nullptr).error(), kUninitialized);
}

TEST(Engine, LooksAtTheNodesAnewAtEachInit) {
  const Scratch scratch;
  Engine engine;
  ASSERT_EQ(engine.init(places_of(scratch)), kSuccess);
  const auto second = engine.by_index(1);
  std::filesystem::remove(scratch.node(0));
  EXPECT_EQ(engine.count(), 4U);
  ASSERT_EQ(engine.shutdown(), kSuccess);
  ASSERT_EQ(engine.init(places_of(scratch)), kSuccess);
  EXPECT_EQ(engine.count(), 3U);
  EXPECT_EQ(engine.view(second)->gpu.minor, 1U);
}

TEST(Engine, FollowsTheLoad) {
  const Scratch scratch(2);
  Engine engine;
  ASSERT_EQ(engine.init(places_of(scratch)), kSuccess);
  EXPECT_EQ(show(engine), "0=minor0 0% | 1=minor1 0%");
  ASSERT_TRUE(change_load(scratch.folder(), "1", {.gpu_util = 40}));
  EXPECT_EQ(show(engine), "0=minor0 0% | 1=minor1 40%");
  ASSERT_TRUE(change_load(scratch.folder(), scratch.uuid(1), {.gpu_util = 41}));
  EXPECT_EQ(show(engine), "0=minor0 0% | 1=minor1 41%");

  Scratch::write(scratch.state("load.json"), "{ half a fi");
  EXPECT_EQ(show(engine), "0=minor0 0% | 1=minor1 41%") << "the last good one counts";

  std::filesystem::remove(scratch.state("load.json"));
  EXPECT_EQ(show(engine), "0=minor0 0% | 1=minor1 0%");
}

TEST(Engine, LosesAGpu) {
  const Scratch scratch(2);
  Engine engine;
  ASSERT_EQ(engine.init(places_of(scratch)), kSuccess);
  ASSERT_TRUE(change_load(scratch.folder(), "0", {.lost = true}));
  EXPECT_EQ(show(engine), "0=code 15 | 1=minor1 0%");
  ASSERT_TRUE(change_load(scratch.folder(), "0", {.lost = false}));
  EXPECT_EQ(show(engine), "0=minor0 0% | 1=minor1 0%");
}

TEST(Engine, SaysWhyItCannotStart) {
  const Scratch scratch(1);
  Engine engine;
  EXPECT_EQ(engine.init({.state_dir = "/nowhere", .device_dir = "/dev"}), kDriverNotLoaded);
  EXPECT_EQ(engine.last_error(), "/nowhere/machine.json: cannot open: No such file or directory");

  Scratch::write(scratch.state("load.json"), "[]");
  EXPECT_EQ(engine.init(places_of(scratch)), kUnknown);
  EXPECT_TRUE(engine.last_error().ends_with("load.json: the whole must be an object"))
      << engine.last_error();

  Scratch::write(scratch.state("machine.json"), "{}");
  EXPECT_EQ(engine.init(places_of(scratch)), kUnknown);
  EXPECT_TRUE(engine.last_error().ends_with("driver_version is missing")) << engine.last_error();

  std::filesystem::remove(scratch.state("machine.json"));
  ASSERT_EQ(::mkfifo(scratch.state("machine.json").c_str(), 0666), 0);
  EXPECT_EQ(engine.init(places_of(scratch)), kDriverNotLoaded);
  EXPECT_TRUE(engine.last_error().ends_with("not a regular file")) << engine.last_error();
  EXPECT_FALSE(engine.initialised());
}

TEST(Engine, RefusesForeignHandles) {
  const Scratch scratch(1);
  Engine engine;
  ASSERT_EQ(engine.init(places_of(scratch)), kSuccess);
  int other = 0;
  EXPECT_EQ(engine.view(nullptr).error(), kInvalidArgument);
  EXPECT_EQ(engine.view(reinterpret_cast<nvmlDevice_t>(&other)).error(), kInvalidArgument);
}

}  // namespace
}  // namespace gpuhub::nvml_sim
