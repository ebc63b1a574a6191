// Faults of GPUs through the NVML adapter, on the simulated library: XID errors, lost GPUs, GPUs
// that leave the machine and come back.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <future>

#include "inventory/nvml_inventory.hpp"
#include "nvml_sim/ctl_commands.hpp"
#include "show.hpp"

namespace gpuhub::inventory {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr milliseconds kLong = 60s;  // no test waits for its end

class NvmlFaults : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "faults.XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    const auto machine =
        nvml_sim::make_machine({.gpus = 3, .model = "A100-40G", .major = 241}).value();
    ASSERT_TRUE(nvml_sim::init_folder(folder_, machine, "", false));
    for (const auto& gpu : machine.gpus) uuids_.push_back(gpu.uuid);
    ::setenv("NVML_SIM_DIR", (folder_ + "/state").c_str(), 1);
    ::setenv("NVML_SIM_ALL", "1", 1);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // Begins NVML anew at each look, or (reopen_first long) never.
  std::unique_ptr<Inventory> inventory(milliseconds reopen_first = 0ms,
                                       std::vector<int> ignore_xids = {}) {
    auto made = make_nvml_inventory({.library = NVML_SIM_LIBRARY,
                                     .sim_folder = "/sim",
                                     .warn = [this](const auto& w) { warnings_.push_back(w); },
                                     .ignore_xids = std::move(ignore_xids),
                                     .reopen_first = reopen_first,
                                     .reopen_most = std::max(reopen_first, milliseconds(0))});
    EXPECT_EQ(show_gpus(*made), all());
    return made;
  }
  // With 0 for the first GPU's UUID, and so on: "0 | 1 xid 79".
  std::string brief(std::string text) const {
    for (std::size_t gpu = 0; gpu < uuids_.size(); ++gpu) {
      for (auto at = text.find(uuids_[gpu]); at != std::string::npos; at = text.find(uuids_[gpu])) {
        text.replace(at, uuids_[gpu].size(), std::to_string(gpu));
      }
    }
    return text;
  }
  std::string gpus(Inventory& inventory) const { return brief(show_gpus(inventory)); }
  std::string faults(Inventory& inventory, milliseconds wait = 0ms) const {
    return brief(show_faults(inventory, wait));
  }
  std::string next_faults(Inventory& inventory) const {
    return brief(show_next_faults(inventory));
  }
  std::string all() const { return uuids_[0] + " | " + uuids_[1] + " | " + uuids_[2]; }
  model::GpuId id(std::size_t gpu) const { return *model::GpuId::parse(uuids_[gpu]); }

  void xid(const char* gpu, std::uint64_t xid, unsigned times = 1) {
    ASSERT_TRUE(nvml_sim::raise_xid(folder_, gpu, xid, times));
  }
  void lose(const char* gpu, bool lost = true) {
    ASSERT_TRUE(nvml_sim::change_load(folder_, gpu, {.lost = lost}));
  }
  void plug(const char* gpu, bool plugged) {
    ASSERT_TRUE(nvml_sim::set_plugged(folder_, gpu, plugged));
  }

  std::string folder_;
  std::vector<std::string> uuids_;
  std::vector<std::string> warnings_;
};

TEST_F(NvmlFaults, AnXidWakesWhoWaits) {
  const auto inventory = this->inventory();
  auto waiting = std::async(std::launch::async, [&] { return inventory->faults(kLong); });
  xid("1", 79);
  const auto told = waiting.get().value();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].first, id(1));
  EXPECT_EQ(told[0].second,
            (model::GpuFault{.kind = model::FaultKind::xid,
                             .xid = 79,
                             .detail = "XID 79: the GPU has fallen off the bus; the machine needs a"
                                       " restart"}));
  EXPECT_EQ(faults(*inventory), "") << "told once";
}

TEST_F(NvmlFaults, XidsOfTheApplicationAreNone) {
  const auto inventory = this->inventory(0ms, {63, 94});
  for (const auto own : {13, 31, 43, 45, 68, 109, 14, 106, 107, 137, 63, 94}) {
    xid("0", static_cast<std::uint64_t>(own));
  }
  xid("2", 48);
  EXPECT_EQ(next_faults(*inventory), "2 xid 48");
  EXPECT_EQ(faults(*inventory), "");
}

TEST_F(NvmlFaults, OfALostGpuLeaveTheOthersAlone) {
  const auto inventory = this->inventory(1h);
  auto waiting = std::async(std::launch::async, [&] { return next_faults(*inventory); });
  lose("1");
  EXPECT_EQ(waiting.get(), "1 lost") << "told by the wait, before anybody looks";
  EXPECT_EQ(gpus(*inventory), "0 | 1 | 2") << "what was read of it before stands";
  EXPECT_EQ(warnings_, std::vector<std::string>{
                           uuids_[1] + " is lost: nvmlDeviceGetHandleByIndex: GPU is lost"});
  EXPECT_EQ(faults(*inventory), "1 lost") << "still, at the next look";
  EXPECT_EQ(faults(*inventory), "") << "but only then";

  EXPECT_TRUE(inventory->load(id(0)) && inventory->load(id(2)));
  EXPECT_EQ(brief(inventory->load(id(1)).error().message),
            "1: nvmlDeviceGetHandleByIndex: GPU is lost");
  EXPECT_EQ(faults(*inventory), "1 lost");
  xid("2", 48);
  EXPECT_EQ(next_faults(*inventory), "2 xid 48");

  lose("1", false);
  EXPECT_EQ(gpus(*inventory), "0 | 1 | 2");
  EXPECT_TRUE(inventory->load(id(1)));
  EXPECT_EQ(faults(*inventory), "");
  xid("1", 48);
  EXPECT_EQ(next_faults(*inventory), "1 xid 48") << "it is heard again";
  EXPECT_EQ(warnings_.size(), 1U);
}

TEST_F(NvmlFaults, ALostGpuIsFoundByItsLoadToo) {
  const auto inventory = this->inventory(1h);
  lose("0");
  EXPECT_FALSE(inventory->load(id(0)));
  EXPECT_EQ(faults(*inventory), "0 lost");
  EXPECT_FALSE(inventory->load(id(0)));
  EXPECT_EQ(faults(*inventory), "0 lost");
}

TEST_F(NvmlFaults, OfAGpuLostInANewBeginAreToldAtEachLook) {
  const auto inventory = this->inventory();
  lose("2");
  for (int look = 0; look < 3; ++look) {
    EXPECT_EQ(gpus(*inventory), "0 | 1 | 2") << "NVML begun anew";
    EXPECT_EQ(brief(inventory->load(id(2)).error().message),
              "2: nvmlDeviceGetHandleByIndex: GPU is lost");
    EXPECT_TRUE(inventory->load(id(1)));
    EXPECT_EQ(faults(*inventory), "2 lost");
  }
  EXPECT_EQ(inventory->gpus()->at(2).devices.size(), 1U) << "what was read before";
}

TEST_F(NvmlFaults, AnUnpluggedGpuIsLostUntilNvmlBeginsAnew) {
  const auto inventory = this->inventory(1h);
  plug("1", false);
  EXPECT_EQ(next_faults(*inventory), "1 lost");
  EXPECT_EQ(gpus(*inventory), "0 | 1 | 2");
  plug("1", true);
  EXPECT_EQ(gpus(*inventory), "0 | 1 | 2");
  EXPECT_EQ(faults(*inventory), "1 lost") << "to this initialisation for good";
}

TEST_F(NvmlFaults, AnUnpluggedGpuIsGoneOnceNvmlBeginsAnew) {
  const auto inventory = this->inventory();
  plug("1", false);
  EXPECT_EQ(next_faults(*inventory), "1 lost");
  EXPECT_EQ(gpus(*inventory), "0 | 2");
  EXPECT_EQ(faults(*inventory), "") << "whoever reads the list sees that it is gone";
  EXPECT_EQ(brief(inventory->load(id(1)).error().message), "1: NVML counts it no more");
  EXPECT_EQ(warnings_.back(), uuids_[1] + " is counted no more");
  xid("2", 48);
  EXPECT_EQ(next_faults(*inventory), "2 xid 48");
  plug("1", true);
  EXPECT_EQ(gpus(*inventory), "0 | 1 | 2");
  xid("1", 48);
  EXPECT_EQ(next_faults(*inventory), "1 xid 48");
}

TEST_F(NvmlFaults, AllLostAtOnceAreNoFaultsOfTheirs) {
  const auto inventory = this->inventory();
  lose("0");
  EXPECT_EQ(gpus(*inventory), "0 | 1 | 2");
  EXPECT_EQ(faults(*inventory), "0 lost");
  lose("1");
  lose("2");
  const auto error = gpus(*inventory);
  EXPECT_TRUE(error.starts_with("all 3 GPUs are lost at once (nvmlDeviceGetHandleByIndex: GPU is"
                                " lost): the driver is to blame, not the cards"))
      << error;
  EXPECT_EQ(faults(*inventory), "");
  for (const auto* gpu : {"0", "1", "2"}) lose(gpu, false);
  EXPECT_EQ(gpus(*inventory), "0 | 1 | 2");
}

TEST_F(NvmlFaults, AllUnpluggedIsAnEmptyListOnceNvmlBeginsAnew) {
  const auto inventory = this->inventory();
  plug("all", false);
  EXPECT_EQ(faults(*inventory, 0ms), "");
  EXPECT_EQ(gpus(*inventory), "");
  ASSERT_TRUE(nvml_sim::set_init_code(folder_, 999));
  EXPECT_TRUE(gpus(*inventory).starts_with("NVML does not start (Unknown Error, code 999)"));
  ASSERT_TRUE(nvml_sim::set_init_code(folder_, 0));
  plug("all", true);
  EXPECT_EQ(gpus(*inventory), "0 | 1 | 2");
}

TEST_F(NvmlFaults, ADriverThatFailsForOthersDoesNotTouchWhoIsInside) {
  const auto inventory = this->inventory();
  ASSERT_TRUE(nvml_sim::set_init_code(folder_, 9));
  EXPECT_EQ(gpus(*inventory), "0 | 1 | 2");
  xid("1", 48);
  EXPECT_EQ(next_faults(*inventory), "1 xid 48");
}

TEST_F(NvmlFaults, OfTheOnlyGpuAreItsOwn) {
  const auto one = nvml_sim::make_machine({.gpus = 1, .model = "A100-40G", .major = 241}).value();
  ASSERT_TRUE(nvml_sim::init_folder(folder_, one, "", false));
  uuids_.resize(1);
  const auto inventory =
      make_nvml_inventory({.library = NVML_SIM_LIBRARY, .sim_folder = "", .warn = {}});
  EXPECT_EQ(gpus(*inventory), "0");
  lose("0");
  EXPECT_EQ(next_faults(*inventory), "0 lost");
  EXPECT_EQ(gpus(*inventory), "0");
}

// What is raised while NVML is begun anew may be missed; what was raised before it is not.
TEST_F(NvmlFaults, WhatWasHeardBeforeANewBeginIsTold) {
  const auto inventory = this->inventory();
  lose("0");
  xid("0", 79);
  xid("1", 48);
  EXPECT_EQ(gpus(*inventory), "0 | 1 | 2");
  const auto told = faults(*inventory);
  EXPECT_NE(told.find("0 lost"), std::string::npos) << told;
  EXPECT_NE(told.find("0 xid 79"), std::string::npos) << told;
  EXPECT_NE(told.find("1 xid 48"), std::string::npos) << told;
}

}  // namespace
}  // namespace gpuhub::inventory
