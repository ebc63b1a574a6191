// The NVML adapter against the simulated library: what a machine with GPUs looks like through it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "inventory/nvml_inventory.hpp"
#include "nvml_sim/ctl_commands.hpp"

namespace gpuhub::inventory {
namespace {

class Nvml : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "inventory.XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    machine_ = nvml_sim::make_machine({.gpus = 2, .model = "RTX-4090", .major = 241}).value();
    ASSERT_TRUE(nvml_sim::init_folder(folder_, machine_, "", false));
    ::setenv("NVML_SIM_DIR", (folder_ + "/state").c_str(), 1);
    ::setenv("NVML_SIM_ALL", "1", 1);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::unique_ptr<Inventory> inventory(const std::string& sim_folder = "") {
    return make_nvml_inventory(
        {.library = NVML_SIM_LIBRARY, .sim_folder = sim_folder, .warn = {}});
  }

  std::string folder_;
  nvml_sim::Machine machine_;
};

TEST_F(Nvml, ListsTheGpus) {
  const auto gpus = inventory()->gpus();
  ASSERT_TRUE(gpus) << gpus.error().message;
  ASSERT_EQ(gpus->size(), 2U);
  const auto& gpu = gpus->at(1);
  EXPECT_EQ(gpu.id.str(), machine_.gpus[1].uuid);
  EXPECT_EQ(gpu.model, "NVIDIA GeForce RTX 4090");
  EXPECT_EQ(gpu.memory.count, 24564);
  EXPECT_EQ(gpu.minor, 1);
  EXPECT_EQ(gpu.pci_bus, "00000000:0A:00.0");
  EXPECT_TRUE(gpu.devices.empty() && gpu.mounts.empty() && !gpu.slots);
}

TEST_F(Nvml, GivesSimulatedGpusTheirNodesAndMounts) {
  const auto gpus = inventory("/var/lib/sim")->gpus();
  ASSERT_TRUE(gpus) << gpus.error().message;
  const auto& gpu = gpus->at(1);
  ASSERT_EQ(gpu.devices.size(), 1U);
  EXPECT_EQ(gpu.devices[0].host_path, "/var/lib/sim/dev/nvidia1");
  EXPECT_EQ(gpu.devices[0].container_path, "/dev/nvidia1");
  ASSERT_EQ(gpu.mounts.size(), 2U);
  EXPECT_EQ(gpu.mounts[0].host_path, "/var/lib/sim/lib/libnvidia-ml.so.1");
  EXPECT_TRUE(gpu.mounts[0].container_path.ends_with("-linux-gnu/libnvidia-ml.so.1"));
  EXPECT_EQ(gpu.mounts[1].host_path, "/var/lib/sim/state");
  EXPECT_EQ(gpu.mounts[1].container_path, "/run/nvml_sim");
  EXPECT_EQ(gpu.mounts, gpus->at(0).mounts);
}

TEST_F(Nvml, TellsTheLoad) {
  const auto inventory = this->inventory();
  const auto id = *model::GpuId::parse(machine_.gpus[0].uuid);
  ASSERT_TRUE(nvml_sim::change_load(
      folder_, "0", {.gpu_util = 40, .mem_util = 10, .memory_used_mib = 1234}));
  const auto load = inventory->load(id);
  ASSERT_TRUE(load) << load.error().message;
  EXPECT_EQ(load->gpu_util_percent, 40);
  EXPECT_EQ(load->memory_util_percent, 10);
  EXPECT_EQ(load->memory_used->count, 1234);

  const auto unknown = inventory->load(*model::GpuId::parse("GPU-x"));
  EXPECT_EQ(unknown.error().message, "GPU-x: nvmlDeviceGetHandleByUUID: Not Found");
}

TEST_F(Nvml, LeavesOutAGpuThatIsLostFromTheBeginning) {
  const auto inventory = this->inventory();
  ASSERT_TRUE(nvml_sim::change_load(folder_, "0", {.lost = true}));
  ASSERT_EQ(inventory->gpus()->size(), 1U);
  EXPECT_EQ(inventory->gpus()->front().id.str(), machine_.gpus[1].uuid);
  ASSERT_TRUE(nvml_sim::change_load(folder_, "0", {.lost = false}));
  EXPECT_EQ(inventory->gpus()->size(), 2U);
}

}  // namespace
}  // namespace gpuhub::inventory
