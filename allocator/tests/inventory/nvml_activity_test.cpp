// What processes do on a GPU: by the simulated library, and by one that lies about it.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <thread>

#include "inventory/bounded.hpp"
#include "inventory/nvml_inventory.hpp"
#include "liar.hpp"
#include "nvml_sim/ctl_commands.hpp"

namespace gpuhub::inventory {
namespace {

using namespace std::chrono_literals;

std::string show(const std::expected<model::GpuActivity, Error>& activity) {
  if (!activity) return activity.error().message;
  std::string out = activity->mig ? "mig " : "";
  out += activity->by_process ? "each:" : "whole:";
  if (!activity->processes) return out + " not listed";
  for (const auto& one : *activity->processes) {
    out += std::format(" {}={}/{}{}", one.pid,
                       one.sm_percent ? std::format("{}%", *one.sm_percent) : "-",
                       one.memory ? std::format("{}M", one.memory->count) : "?",
                       one.instance ? std::format("/i{}", *one.instance) : "");
  }
  return out;
}

std::unique_ptr<Inventory> lying(const char* lies) {
  Liar::get().lie(lies);
  return make_nvml_inventory({.library = LYING_LIBRARY, .sim_folder = "", .warn = {}});
}
const model::GpuId gpu_a = *model::GpuId::parse("GPU-a");

std::string told(const char* lies) { return show(lying(lies)->activity(gpu_a)); }

TEST(NvmlActivity, IsTheTruthWithoutLies) { EXPECT_EQ(told(""), "each: 7=30%/3M 8=0%/3M"); }

TEST(NvmlActivity, GetsNoSizeOrTimeBelieved) {
  const std::pair<const char*, const char*> lies[] = {
      {"list without memory", "each: 7=30%/? 8=0%/?"},
      {"list huge", "each: 7=30%/? 8=0%/?"},
      {"wide list", "each: 7=30%/3M 8=0%/3M"},
      {"no pids", "each: 0=-/3M 7=30%/?"},
      {"samples beyond", "whole: 7=-/3M 8=-/3M"},
      {"samples future", "whole: 7=-/3M 8=-/3M"},
      {"samples stale", "each: 7=-/3M 8=-/3M"},
      {"samples old", "each: 7=-/3M 8=-/3M"},
      {"nothing since", "each: 7=-/3M 8=-/3M"},
      {"samples of the gone", "each: 7=-/3M 8=0%/3M 99=30%/?"},
      {"no samples", "whole: 7=-/3M 8=-/3M"},
      {"samples fail", "whole: 7=-/3M 8=-/3M"},
      {"samples many", "whole: 7=-/3M 8=-/3M"},
      {"samples without end", "whole: 7=-/3M 8=-/3M"},
      {"instances", "mig whole: 7=-/3M/i2 8=-/3M/i2"},
      {"no list", "whole: not listed"},
      {"list many", "GPU-a: nvmlDeviceGetComputeRunningProcesses: Something ?? odd"},
      {"list grows", "GPU-a: nvmlDeviceGetComputeRunningProcesses: its count cannot be"},
      {"list beyond", "GPU-a: nvmlDeviceGetComputeRunningProcesses: its count cannot be"},
      {"list fails", "GPU-a: nvmlDeviceGetComputeRunningProcesses: Something ?? odd"},
      {"mig fails", "GPU-a: nvmlDeviceGetMigMode: Something ?? odd"},
      {"a lost", "GPU-a: nvmlDeviceGetHandleByUUID: GPU is lost"}};
  for (const auto& [lie, seen] : lies) EXPECT_EQ(told(lie), seen) << lie;
}

TEST(NvmlActivity, GoesOnAfterALieAboutTime) {
  const auto inventory = lying("samples future");
  EXPECT_EQ(show(inventory->activity(gpu_a)), "whole: 7=-/3M 8=-/3M");
  Liar::get().lie("");
  EXPECT_EQ(show(inventory->activity(gpu_a)), "each: 7=30%/3M 8=0%/3M");
}

TEST(NvmlActivity, CanHangWithoutHarm) {
  const auto inventory = make_bounded(lying(""), 50ms);
  ASSERT_TRUE(inventory->gpus());
  Liar::get().lie("list hangs");
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_TRUE(show(inventory->activity(gpu_a)).starts_with("the driver has not answered for"));
  EXPECT_FALSE(inventory->activity(gpu_a)) << "at once, while the first one hangs";
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
  Liar::get().lie("");
  for (int tried = 0; tried < 1000 && !inventory->activity(gpu_a); ++tried) {
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_TRUE(inventory->activity(gpu_a));
}

class SimulatedActivity : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "activity.XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    machine_ = nvml_sim::make_machine({.gpus = 2, .model = "A100-40G", .major = 241}).value();
    ASSERT_TRUE(nvml_sim::init_folder(folder_, machine_, "", false));
    ::setenv("NVML_SIM_DIR", (folder_ + "/state").c_str(), 1);
    ::setenv("NVML_SIM_ALL", "1", 1);
    inventory_ = make_nvml_inventory({.library = NVML_SIM_LIBRARY, .sim_folder = "", .warn = {}});
    ASSERT_TRUE(inventory_->gpus());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void run(unsigned pid, unsigned percent,
           nvml_sim::ProcessKind kind = nvml_sim::ProcessKind::compute) {
    const nvml_sim::Process process{.pid = pid, .memory_mib = 10, .gpu_util = percent,
                                    .kind = kind};
    ASSERT_TRUE(nvml_sim::change_load(folder_, "0", {.add_process = process}));
  }
  void behave(const nvml_sim::Quirks& quirks) {
    ASSERT_TRUE(nvml_sim::change_load(folder_, "0", {.quirks = quirks}));
  }
  std::string seen() {
    return show(inventory_->activity(*model::GpuId::parse(machine_.gpus[0].uuid)));
  }

  std::string folder_;
  nvml_sim::Machine machine_;
  std::unique_ptr<Inventory> inventory_;
};

TEST_F(SimulatedActivity, ShowsProcessesOfEveryKind) {
  EXPECT_EQ(seen(), "each:");
  run(11, 20);
  run(12, 0, nvml_sim::ProcessKind::graphics);
  run(13, 5, nvml_sim::ProcessKind::mps);
  EXPECT_EQ(seen(), "each: 11=20%/10M 12=0%/10M 13=5%/10M");
}

TEST_F(SimulatedActivity, KeepsASampleUntilThereIsANewerOne) {
  run(11, 20);
  for (int look = 0; look < 10; ++look) EXPECT_EQ(seen(), "each: 11=20%/10M");
  run(11, 30);
  std::this_thread::sleep_for(200ms);
  EXPECT_EQ(seen(), "each: 11=30%/10M");
}

TEST(NvmlActivity, KeepsNoSampleForLong) {
  const auto inventory = lying("");
  EXPECT_EQ(show(inventory->activity(gpu_a)), "each: 7=30%/3M 8=0%/3M");
  Liar::get().lie("nothing since");
  EXPECT_EQ(show(inventory->activity(gpu_a)), "each: 7=30%/3M 8=0%/3M");
  std::this_thread::sleep_for(2100ms);
  EXPECT_EQ(show(inventory->activity(gpu_a)), "each: 7=-/3M 8=-/3M");
}

TEST_F(SimulatedActivity, ListsManyAndNotTooMany) {
  for (unsigned pid = 1; pid <= 200; ++pid) run(pid, 0);
  const auto activity = inventory_->activity(*model::GpuId::parse(machine_.gpus[0].uuid));
  ASSERT_TRUE(activity);
  EXPECT_EQ(activity->processes->size(), 200U);
}

TEST_F(SimulatedActivity, SaysWhatTheDriverCannotTell) {
  run(11, 20);
  behave({.no_process_util = true});
  EXPECT_EQ(seen(), "whole: 11=-/10M");
  behave({.no_processes = true});
  EXPECT_EQ(seen(), "whole: not listed");
  behave({.mig = true});
  EXPECT_EQ(seen(), "mig whole: 11=-/10M/i1");
  behave({.lies = true});
  EXPECT_EQ(seen(), "whole: 11=-/?");
  const auto load = inventory_->load(*model::GpuId::parse(machine_.gpus[0].uuid));
  ASSERT_TRUE(load);
  EXPECT_EQ(load->gpu_util_percent, std::nullopt);
  behave({});
  EXPECT_NE(seen().find("each:"), std::string::npos);
}

}  // namespace
}  // namespace gpuhub::inventory
