#include "nvml_sim/ctl_commands.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <thread>
#include <vector>

#include "nvml_sim/state_files.hpp"
#include "scratch.hpp"

namespace gpuhub::nvml_sim {
namespace {

TEST(MakeMachine, UuidsTellHostAndIndex) {
  const auto machine =
      make_machine({.gpus = 2, .model = "H100-80G", .major = 240, .host_number = 0x1f});
  ASSERT_TRUE(machine);
  EXPECT_EQ(machine->gpus[1].uuid, "GPU-51d00000-0000-4000-8000-001f00000001");
  EXPECT_TRUE(parse_machine(to_json(*machine)));
  EXPECT_TRUE(parse_machine(
      to_json(make_machine({.gpus = 64, .model = "RTX-4090", .major = 240}).value())));
}

TEST(MakeMachine, RefusesWhatCannotBe) {
  const auto error = [](const MachineSpec& spec) { return make_machine(spec).error(); };
  EXPECT_EQ(error({.gpus = 0, .model = "A100-40G", .major = 240}), "GPUs: 1 to 64");
  EXPECT_EQ(error({.gpus = 65, .model = "A100-40G", .major = 240}), "GPUs: 1 to 64");
  EXPECT_EQ(error({.gpus = 1, .model = "A100-40G", .major = 0}), "major: 1 to 511");
  EXPECT_EQ(error({.gpus = 1, .model = "A100-40G", .major = 240, .host_number = 65536}),
            "host number: 0 to 65535");
  EXPECT_EQ(error({.gpus = 1, .model = "a100", .major = 240}),
            "no model a100; there are: A100-40G H100-80G RTX-4090");
}

TEST(InitFolder, CanBeRepeatedAndKeepsTheLoadOfGpusThatStay) {
  const Scratch scratch(4);
  ASSERT_TRUE(change_load(scratch.folder(), "1", {.gpu_util = 40}));
  ASSERT_TRUE(change_load(scratch.folder(), "3", {.gpu_util = 60}));
  const auto before = stamp_of(scratch.state("machine.json"));
  ASSERT_TRUE(init_folder(scratch.folder(), scratch.machine, "", false));
  EXPECT_EQ(stamp_of(scratch.state("machine.json")), before) << "unchanged: not written";

  const auto fewer = make_machine({.gpus = 2, .model = "A100-40G", .major = 241}).value();
  ASSERT_TRUE(init_folder(scratch.folder(), fewer, "", false));
  const auto shown = show_folder(scratch.folder()).value();
  EXPECT_NE(shown.find("gpu  40 %"), std::string::npos) << shown;
  EXPECT_EQ(shown.find("gpu  60 %"), std::string::npos) << shown;
  EXPECT_EQ(parse_loads(read_small_file(scratch.state("load.json")).value())->size(), 1U);
}

TEST(InitFolder, ReplacesADamagedState) {
  const Scratch scratch(1);
  Scratch::write(scratch.state("load.json"), "{");
  Scratch::write(scratch.state("machine.json"), "{");
  EXPECT_FALSE(show_folder(scratch.folder()));
  ASSERT_TRUE(init_folder(scratch.folder(), scratch.machine, "", false));
  EXPECT_TRUE(show_folder(scratch.folder()));
}

TEST(InitFolder, CopiesTheLibraryInOneStep) {
  const Scratch scratch(1);
  const auto source = scratch.folder() + "/source";
  const auto target = scratch.folder() + "/lib/libnvidia-ml.so.1";
  Scratch::write(source, "one");
  ASSERT_TRUE(init_folder(scratch.folder(), scratch.machine, source, false));
  std::ifstream in_use(target);
  Scratch::write(source, "two");
  ASSERT_TRUE(init_folder(scratch.folder(), scratch.machine, source, false));
  std::string old;
  in_use >> old;
  EXPECT_EQ(old, "one") << "who has it open keeps the old one, whole";
  EXPECT_EQ(read_small_file(target), "two");
  const auto done = init_folder(scratch.folder(), scratch.machine, "/nowhere", false);
  EXPECT_TRUE(done.error().starts_with("cannot copy /nowhere to ")) << done.error();
}

TEST(InitFolder, MakesNodesAndRemovesThoseOfGpusThatAreNoMore) {
  const Scratch scratch(2);
  const auto done = init_folder(scratch.folder(), scratch.machine, "", true);
  if (!done) GTEST_SKIP() << "needs CAP_MKNOD: " << done.error();
  struct stat info{};
  ASSERT_EQ(::stat(scratch.node(1).c_str(), &info), 0);
  EXPECT_TRUE(S_ISCHR(info.st_mode));
  EXPECT_EQ(info.st_mode & 0777U, 0666U);
  EXPECT_EQ(info.st_rdev, makedev(241, 1));

  const auto other = make_machine({.gpus = 1, .model = "A100-40G", .major = 242}).value();
  ASSERT_TRUE(init_folder(scratch.folder(), other, "", true));
  ASSERT_EQ(::stat(scratch.node(0).c_str(), &info), 0);
  EXPECT_EQ(info.st_rdev, makedev(242, 0));
  EXPECT_FALSE(std::filesystem::exists(scratch.node(1)));
}

TEST(ChangeLoad, RefusesWhatCannotBe) {
  const Scratch scratch(1);
  EXPECT_TRUE(change_load(scratch.folder(), "7", {.gpu_util = 1}).error().starts_with("no GPU 7"));
  EXPECT_TRUE(change_load(scratch.folder(), "GPU-", {}).error().starts_with("no GPU GPU-"));
  EXPECT_FALSE(change_load(scratch.folder(), "0", {.memory_used_mib = 40960}));
  EXPECT_TRUE(change_load(scratch.folder(), "0", {.memory_used_mib = 40960 - 613}));
}

TEST(ChangeLoad, AddsAndClearsProcesses) {
  const Scratch scratch(1);
  const auto processes = [&] {
    const auto loads = parse_loads(read_small_file(scratch.state("load.json")).value()).value();
    return loads.at(scratch.uuid(0)).processes.size();
  };
  ASSERT_TRUE(change_load(scratch.folder(), "0", {.add_process = Process{.pid = 1}}));
  ASSERT_TRUE(change_load(scratch.folder(), "0", {.add_process = Process{.pid = 2}}));
  ASSERT_TRUE(change_load(scratch.folder(), "0", {.add_process = Process{.pid = 2}}));
  EXPECT_EQ(processes(), 2U);
  ASSERT_TRUE(change_load(scratch.folder(), "0", {.clear = true}));
  EXPECT_EQ(processes(), 0U);
}

TEST(ChangeLoad, EndsAProcessAndChangesQuirks) {
  const Scratch scratch(1);
  const auto load = [&] {
    return parse_loads(read_small_file(scratch.state("load.json")).value())
        .value().at(scratch.uuid(0));
  };
  ASSERT_TRUE(change_load(scratch.folder(), "0", {.add_process = Process{.pid = 1}}));
  ASSERT_TRUE(change_load(scratch.folder(), "0",
                          {.add_process = Process{.pid = 2, .memory_mib = 5, .gpu_util = 7}}));
  ASSERT_TRUE(change_load(scratch.folder(), "0",
                          {.end_process = 1, .quirks = Quirks{.mig = true}}));
  ASSERT_EQ(load().processes.size(), 1U);
  EXPECT_EQ(load().processes[0].gpu_util, 7U);
  EXPECT_TRUE(load().quirks.mig);
  const auto shown = show_folder(scratch.folder()).value();
  EXPECT_TRUE(shown.contains("1 processes, mig\n   process 2: 7 % 5 MiB\n")) << shown;
  ASSERT_TRUE(change_load(scratch.folder(), "0", {.end_process = 9, .quirks = Quirks{}}));
  EXPECT_EQ(load().quirks, Quirks{});
  EXPECT_EQ(load().processes.size(), 1U);
}

TEST(ChangeLoad, LosesNothingWhenManyChangeAtOnce) {
  const Scratch scratch(8);
  std::vector<std::jthread> writers;
  for (unsigned gpu = 0; gpu < 8; ++gpu) {
    writers.emplace_back([&, gpu] {
      for (unsigned percent = 1; percent <= 10; ++percent) {
        EXPECT_TRUE(change_load(scratch.folder(), std::to_string(gpu), {.gpu_util = percent}));
      }
    });
  }
  writers.clear();
  const auto loads = parse_loads(read_small_file(scratch.state("load.json")).value()).value();
  ASSERT_EQ(loads.size(), 8U);
  for (const auto& [uuid, load] : loads) EXPECT_EQ(load.gpu_util, 10U);
}

TEST(FreeMajor, IsTheHighestThatIsNotTaken) {
  EXPECT_EQ(free_major("Character devices:\n  1 mem\n254 ndctl\n253 dimmctl\n\nBlock devices:\n"
                       "252 zram\n"),
            252U);
  EXPECT_EQ(free_major(""), 254U);
  std::string all = "Character devices:\n";
  for (unsigned major = 240; major < 255; ++major) all += std::format("{} x\n", major);
  EXPECT_EQ(free_major(all), std::nullopt);
}

}  // namespace
}  // namespace gpuhub::nvml_sim
