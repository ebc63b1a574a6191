// The simulated library as a client meets it: opened by dlopen, called through its C interface.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "nvml_sim/abi.hpp"
#include "scratch.hpp"

namespace gpuhub::nvml_sim {
namespace {

class Library : public testing::Test {
 protected:
  void SetUp() override {
    library_ = ::dlopen(NVML_SIM_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(library_, nullptr) << ::dlerror();
    ::setenv("NVML_SIM_DIR", scratch_.state().c_str(), 1);
    ::setenv("NVML_SIM_DEV", scratch_.dev().c_str(), 1);
    ::unsetenv("NVML_SIM_ALL");
  }
  void TearDown() override {
    while (call<>("nvmlShutdown") == kSuccess) {
    }
    ::dlclose(library_);
  }

  template <typename... Arguments>
  nvmlReturn_t call(const char* name, Arguments... arguments) {
    auto* function = reinterpret_cast<nvmlReturn_t (*)(Arguments...)>(::dlsym(library_, name));
    if (function == nullptr) {
      ADD_FAILURE() << "no " << name;
      return -1;
    }
    return function(arguments...);
  }

  nvmlDevice_t gpu(unsigned index) {
    nvmlDevice_t device = nullptr;
    EXPECT_EQ(call("nvmlDeviceGetHandleByIndex_v2", index, &device), kSuccess);
    return device;
  }

  std::string message(nvmlReturn_t code) {
    auto* text = reinterpret_cast<const char* (*)(nvmlReturn_t)>(
        ::dlsym(library_, "nvmlErrorString"));
    return text(code);
  }

  // GPUs that a process which starts now would see.
  unsigned visible() {
    unsigned count = 77;
    EXPECT_EQ(call("nvmlInit_v2"), kSuccess);
    EXPECT_EQ(call("nvmlDeviceGetCount_v2", &count), kSuccess);
    EXPECT_EQ(call("nvmlShutdown"), kSuccess);
    return count;
  }

  Scratch scratch_{2};
  void* library_ = nullptr;
};

TEST_F(Library, IsUninitialisedUntilInitAndAfterTheLastShutdown) {
  unsigned count = 7;
  EXPECT_EQ(call("nvmlDeviceGetCount_v2", &count), kUninitialized);
  EXPECT_EQ(call("nvmlDeviceSetEccMode"), kUninitialized);
  ASSERT_EQ(call("nvmlInit_v2"), kSuccess);
  ASSERT_EQ(call("nvmlInitWithFlags", 0U), kSuccess);
  EXPECT_EQ(call("nvmlDeviceGetCount_v2", &count), kSuccess);
  EXPECT_EQ(count, 2U);
  EXPECT_EQ(call("nvmlShutdown"), kSuccess);
  EXPECT_EQ(call("nvmlDeviceGetCount", &count), kSuccess);
  EXPECT_EQ(call("nvmlShutdown"), kSuccess);
  EXPECT_EQ(call("nvmlShutdown"), kUninitialized);
  EXPECT_EQ(call("nvmlInitWithFlags", 64U), kInvalidArgument);
}

TEST_F(Library, HasWordsForItsErrors) {
  EXPECT_EQ(message(kSuccess), "Success");
  EXPECT_EQ(message(kDriverNotLoaded), "Driver Not Loaded");
  EXPECT_EQ(message(kArgumentVersionMismatch), "Argument Version Mismatch");
  EXPECT_EQ(message(kUnknown), "Unknown Error");
  EXPECT_EQ(message(-5), "Unknown code");
  EXPECT_EQ(message(1 << 30), "Unknown code");
}

TEST_F(Library, DoesNotStartWithoutAMachine) {
  ::setenv("NVML_SIM_DIR", "/nowhere", 1);
  EXPECT_EQ(call("nvmlInit_v2"), kDriverNotLoaded);
  ::setenv("NVML_SIM_DIR", scratch_.state().c_str(), 1);
  Scratch::write(scratch_.state("machine.json"), "{\"gpus\":");
  EXPECT_EQ(call("nvmlInit_v2"), kUnknown);
}

TEST_F(Library, ShowsAllGpusToTheAllocator) {
  for (const unsigned minor : {0U, 1U}) std::filesystem::remove(scratch_.node(minor));
  EXPECT_EQ(visible(), 0U);
  ::setenv("NVML_SIM_ALL", "1", 1);
  EXPECT_EQ(visible(), 2U);
}

// A container has no more of the machine than `state`.
TEST_F(Library, AVariableAloneShowsNobodyMoreThanHeMayOpen) {
  std::filesystem::remove_all(scratch_.dev());
  ::setenv("NVML_SIM_ALL", "1", 1);
  EXPECT_EQ(visible(), 0U);
}

TEST_F(Library, FindsAGpuByEveryName) {
  std::filesystem::remove(scratch_.node(0));
  ASSERT_EQ(call("nvmlInit_v2"), kSuccess);
  nvmlDevice_t found = nullptr;
  EXPECT_EQ(call("nvmlDeviceGetHandleByUUID", scratch_.uuid(1).c_str(), &found), kSuccess);
  EXPECT_EQ(found, gpu(0));
  EXPECT_EQ(call("nvmlDeviceGetHandleByUUID", scratch_.uuid(0).c_str(), &found), kNotFound);
  EXPECT_EQ(call("nvmlDeviceGetHandleByPciBusId_v2", "0000:0A:00.0", &found), kSuccess);
  EXPECT_EQ(found, gpu(0));
  EXPECT_EQ(call("nvmlDeviceGetHandleByPciBusId_v2", "0000:07:00.0", &found), kNotFound);
  EXPECT_EQ(call("nvmlDeviceGetHandleByPciBusId_v2", "seven", &found), kInvalidArgument);
  EXPECT_EQ(call("nvmlDeviceGetHandleByIndex_v2", 1U, &found), kInvalidArgument);
  char serial[30] = "";
  EXPECT_EQ(call("nvmlDeviceGetSerial", gpu(0), &serial[0], 30U), kSuccess);
  EXPECT_EQ(call("nvmlDeviceGetHandleBySerial", &serial[0], &found), kSuccess);
  EXPECT_EQ(found, gpu(0));
  EXPECT_EQ(call("nvmlDeviceGetHandleBySerial", "1", &found), kNotFound);
}

TEST_F(Library, ChecksBuffersAndPointers) {
  ASSERT_EQ(call("nvmlInit_v2"), kSuccess);
  char text[96] = "";
  char* none = nullptr;
  EXPECT_EQ(call("nvmlDeviceGetName", gpu(0), &text[0], 96U), kSuccess);
  EXPECT_STREQ(text, "NVIDIA A100-SXM4-40GB");
  EXPECT_EQ(call("nvmlDeviceGetUUID", gpu(0), &text[0], 40U), kInsufficientSize);
  EXPECT_EQ(call("nvmlDeviceGetUUID", gpu(0), &text[0], 41U), kSuccess);
  EXPECT_EQ(text, scratch_.uuid(0));
  EXPECT_EQ(call("nvmlDeviceGetUUID", gpu(0), none, 96U), kInvalidArgument);
  EXPECT_EQ(call("nvmlSystemGetDriverVersion", &text[0], 80U), kSuccess);
  EXPECT_STREQ(text, "550.163.01");
  unsigned* nowhere = nullptr;
  EXPECT_EQ(call("nvmlDeviceGetIndex", gpu(0), nowhere), kInvalidArgument);
  EXPECT_EQ(call("nvmlDeviceGetCount_v2", nowhere), kInvalidArgument);
  nvmlDevice_t no_gpu = nullptr;
  unsigned index = 0;
  EXPECT_EQ(call("nvmlDeviceGetIndex", no_gpu, &index), kInvalidArgument);
}

TEST_F(Library, WantsTheVersionOfVersionedStructs) {
  ASSERT_EQ(call("nvmlInit_v2"), kSuccess);
  ASSERT_TRUE(change_load(scratch_.folder(), "0", {.memory_used_mib = 1000}));
  nvmlMemory_v2_t memory{};
  EXPECT_EQ(call("nvmlDeviceGetMemoryInfo_v2", gpu(0), &memory), kArgumentVersionMismatch);
  memory.version = kMemoryV2;
  EXPECT_EQ(call("nvmlDeviceGetMemoryInfo_v2", gpu(0), &memory), kSuccess);
  EXPECT_EQ(memory.total, 40960ULL << 20U);
  EXPECT_EQ(memory.used, 1000ULL << 20U);
  EXPECT_EQ(memory.used + memory.free + memory.reserved, memory.total);
  nvmlMemory_t old{};
  EXPECT_EQ(call("nvmlDeviceGetMemoryInfo", gpu(0), &old), kSuccess);
  EXPECT_EQ(old.used, memory.used + memory.reserved) << "the old call counts the driver's part";
  nvmlTemperature_t reading{};
  EXPECT_EQ(call("nvmlDeviceGetTemperatureV", gpu(0), &reading), kArgumentVersionMismatch);
  reading.version = kTemperatureV1;
  EXPECT_EQ(call("nvmlDeviceGetTemperatureV", gpu(0), &reading), kSuccess);
  EXPECT_EQ(reading.temperature, 31);
}

TEST_F(Library, GivesPlacesOnTheBusToOldAndNewCallers) {
  ASSERT_EQ(call("nvmlInit_v2"), kSuccess);
  nvmlPciInfo_t pci{};
  pci.busId[0] = 'x';
  EXPECT_EQ(call("nvmlDeviceGetPciInfo_v2", gpu(1), &pci), kSuccess);
  EXPECT_STREQ(pci.busIdLegacy, "0000:0A:00.0");
  EXPECT_EQ(pci.busId[0], 'x') << "beyond the end of the old struct";
  EXPECT_EQ(call("nvmlDeviceGetPciInfo_v3", gpu(1), &pci), kSuccess);
  EXPECT_STREQ(pci.busId, "00000000:0A:00.0");
  EXPECT_EQ(pci.bus, 10U);
}

TEST_F(Library, ListsProcessesTheWayNvmlDoes) {
  ASSERT_EQ(call("nvmlInit_v2"), kSuccess);
  nvmlProcessInfo_t infos[4]{};
  unsigned count = 0;
  const auto list = [&](nvmlProcessInfo_t* into) {
    return call("nvmlDeviceGetComputeRunningProcesses_v3", gpu(0), &count, into);
  };
  EXPECT_EQ(list(nullptr), kSuccess);
  for (unsigned pid : {11U, 12U}) {
    ASSERT_TRUE(change_load(scratch_.folder(), "0",
                            {.add_process = Process{.pid = pid, .memory_mib = 5}}));
  }
  EXPECT_EQ(list(nullptr), kInsufficientSize);
  EXPECT_EQ(count, 2U);
  count = 4;
  EXPECT_EQ(list(infos), kSuccess);
  EXPECT_EQ(count, 2U);
  EXPECT_EQ(infos[1].pid, 12U);
  EXPECT_EQ(infos[1].usedGpuMemory, 5ULL << 20U);
  EXPECT_EQ(infos[1].gpuInstanceId, 0xffffffffU);
  count = 4;
  EXPECT_EQ(list(nullptr), kInvalidArgument);
  nvmlProcessInfo_v1_t old[2]{};
  count = 2;
  EXPECT_EQ(call("nvmlDeviceGetComputeRunningProcesses", gpu(0), &count, &old[0]), kSuccess);
  EXPECT_EQ(old[1].pid, 12U);
  EXPECT_EQ(call("nvmlDeviceGetGraphicsRunningProcesses_v2", gpu(0), &count, &infos[0]), kSuccess);
  EXPECT_EQ(count, 0U);
  nvmlProcessUtilizationSample_t samples[2]{};
  count = 2;
  EXPECT_EQ(call("nvmlDeviceGetProcessUtilization", gpu(0), &samples[0], &count, 0ULL), kSuccess);
  EXPECT_EQ(samples[0].pid, 11U);
  EXPECT_EQ(call("nvmlDeviceGetProcessUtilization", gpu(1), &samples[0], &count, 0ULL), kNotFound);
}

TEST_F(Library, TellsSamplesThatAreNewerThanATime) {
  ASSERT_EQ(call("nvmlInit_v2"), kSuccess);
  ASSERT_TRUE(change_load(scratch_.folder(), "0",
                          {.add_process = Process{.pid = 11, .memory_mib = 5, .gpu_util = 30}}));
  nvmlProcessUtilizationSample_t samples[2]{};
  unsigned count = 2;
  const auto since = [&](unsigned long long time) {
    count = 2;
    return call("nvmlDeviceGetProcessUtilization", gpu(0), &samples[0], &count, time);
  };
  ASSERT_EQ(since(0), kSuccess);
  EXPECT_EQ(samples[0].smUtil, 30U);
  EXPECT_EQ(since(samples[0].timeStamp + 10'000'000), kNotFound);
  EXPECT_EQ(since(samples[0].timeStamp - 1), kSuccess);
  EXPECT_EQ(count, 1U);
}

TEST_F(Library, BehavesOddlyWhereItIsTold) {
  ASSERT_EQ(call("nvmlInit_v2"), kSuccess);
  ASSERT_TRUE(change_load(scratch_.folder(), "0",
                          {.gpu_util = 40, .add_process = Process{.pid = 11, .memory_mib = 5}}));
  const auto behave = [&](const Quirks& quirks) {
    ASSERT_TRUE(change_load(scratch_.folder(), "0", {.quirks = quirks}));
  };
  nvmlUtilization_t rates{};
  nvmlProcessInfo_t infos[2]{};
  nvmlProcessUtilizationSample_t samples[2]{};
  unsigned count = 2, current = 0, pending = 0;
  const auto codes = [&] {
    const auto of_rates = call("nvmlDeviceGetUtilizationRates", gpu(0), &rates);
    count = 2;
    const auto of_list =
        call("nvmlDeviceGetComputeRunningProcesses_v3", gpu(0), &count, &infos[0]);
    count = 2;
    const auto of_samples =
        call("nvmlDeviceGetProcessUtilization", gpu(0), &samples[0], &count, 0ULL);
    EXPECT_EQ(call("nvmlDeviceGetMigMode", gpu(0), &current, &pending), kSuccess);
    return std::format("{} {} {} mig {}", of_rates, of_list, of_samples, current);
  };
  EXPECT_EQ(codes(), "0 0 0 mig 0");
  behave({.no_rates = true});
  EXPECT_EQ(codes(), "3 0 0 mig 0");
  behave({.no_processes = true, .no_process_util = true});
  EXPECT_EQ(codes(), "0 3 3 mig 0");
  behave({.mig = true});
  EXPECT_EQ(codes(), "3 0 3 mig 1");
  EXPECT_EQ(infos[0].gpuInstanceId, 1U);
  behave({.lies = true});
  EXPECT_EQ(codes(), "0 0 0 mig 0");
  EXPECT_TRUE(rates.gpu > 100 && samples[0].smUtil > 100 && infos[0].usedGpuMemory == ~0ULL);
  behave({.hangs = true});
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    behave({});
  });
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(codes(), "0 0 0 mig 0");
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(90));
}

TEST_F(Library, SaysNotSupportedForWhatItHasNot) {
  ASSERT_EQ(call("nvmlInit_v2"), kSuccess);
  unsigned value = 0;
  EXPECT_EQ(call("nvmlDeviceGetFanSpeed", gpu(0), &value), kNotSupported);
  EXPECT_EQ(call("nvmlDeviceGetNvLinkState", gpu(0), 0U, &value), kNotSupported);
  EXPECT_EQ(call("nvmlDeviceSetPersistenceMode", gpu(0), 1U), kNotSupported);
  nvmlFieldValue_t fields[2]{};
  fields[0].fieldId = 186;
  fields[1].fieldId = 9999;
  EXPECT_EQ(call("nvmlDeviceGetFieldValues", gpu(0), 2, &fields[0]), kSuccess);
  EXPECT_EQ(fields[0].nvmlReturn, kSuccess);
  EXPECT_EQ(fields[0].value.uiVal, 52000U);
  EXPECT_EQ(fields[1].nvmlReturn, kNotSupported);
}

TEST_F(Library, PowerClocksAndTemperatureFollowTheLoad) {
  ASSERT_EQ(call("nvmlInit_v2"), kSuccess);
  const auto read = [&](const char* name, auto... arguments) {
    unsigned value = 0;
    EXPECT_EQ(call(name, gpu(0), arguments..., &value), kSuccess) << name;
    return value;
  };
  EXPECT_EQ(read("nvmlDeviceGetClockInfo", 1U), 210U);
  EXPECT_EQ(read("nvmlDeviceGetPowerUsage"), 52000U);
  ASSERT_TRUE(change_load(scratch_.folder(), "0", {.gpu_util = 100, .mem_util = 30}));
  EXPECT_EQ(read("nvmlDeviceGetClockInfo", 1U), 1410U);
  EXPECT_EQ(read("nvmlDeviceGetPowerUsage"), read("nvmlDeviceGetPowerManagementLimit"));
  EXPECT_EQ(read("nvmlDeviceGetTemperature", 0U), 68U);
  unsigned value = 0;
  EXPECT_EQ(call("nvmlDeviceGetClockInfo", gpu(0), 9U, &value), kInvalidArgument);
  EXPECT_EQ(call("nvmlDeviceGetTemperature", gpu(0), 1U, &value), kInvalidArgument);
  nvmlUtilization_t rates{};
  EXPECT_EQ(call("nvmlDeviceGetUtilizationRates", gpu(0), &rates), kSuccess);
  EXPECT_EQ(rates.gpu, 100U);
  EXPECT_EQ(rates.memory, 30U);
}

TEST_F(Library, SaysWhenAGpuIsLost) {
  ASSERT_EQ(call("nvmlInit_v2"), kSuccess);
  const auto lost = gpu(0);
  ASSERT_TRUE(change_load(scratch_.folder(), "0", {.lost = true}));
  unsigned value = 0;
  EXPECT_EQ(call("nvmlDeviceGetPowerUsage", lost, &value), kGpuIsLost);
  nvmlDevice_t found = nullptr;
  EXPECT_EQ(call("nvmlDeviceGetHandleByUUID", scratch_.uuid(0).c_str(), &found), kGpuIsLost);
  EXPECT_EQ(call("nvmlDeviceGetPowerUsage", gpu(1), &value), kSuccess);
}

TEST_F(Library, ServesManyThreadsWhileTheLoadChanges) {
  ASSERT_EQ(call("nvmlInit_v2"), kSuccess);
  std::atomic<bool> stop{false};
  std::vector<std::jthread> readers;
  for (int reader = 0; reader < 4; ++reader) {
    readers.emplace_back([&] {
      while (!stop) {
        EXPECT_EQ(call("nvmlInit_v2"), kSuccess);
        nvmlUtilization_t rates{};
        EXPECT_EQ(call("nvmlDeviceGetUtilizationRates", gpu(1), &rates), kSuccess);
        EXPECT_EQ(rates.gpu, rates.memory) << "a load is seen whole";
        EXPECT_EQ(call("nvmlShutdown"), kSuccess);
      }
    });
  }
  for (unsigned percent = 0; percent <= 50; ++percent) {
    EXPECT_TRUE(change_load(scratch_.folder(), "1", {.gpu_util = percent, .mem_util = percent}));
  }
  stop = true;
}

}  // namespace
}  // namespace gpuhub::nvml_sim
