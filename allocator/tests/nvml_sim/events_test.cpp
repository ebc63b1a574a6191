// Events of the simulated library through its C interface: what is raised on the machine's files
// reaches who waits, in this process and in others.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <format>
#include <future>
#include <thread>

#include "nvml_sim/abi_events.hpp"
#include "scratch.hpp"

namespace gpuhub::nvml_sim {
namespace {

constexpr unsigned kLong = 60'000;  // ms; no test waits for its end

// The functions of one opened library.
struct Nvml {
  explicit Nvml(const Scratch& scratch) : library(::dlopen(NVML_SIM_LIBRARY, RTLD_NOW)) {
    ::setenv("NVML_SIM_DIR", scratch.state().c_str(), 1);
    ::setenv("NVML_SIM_DEV", scratch.dev().c_str(), 1);
    ::unsetenv("NVML_SIM_ALL");
  }
  ~Nvml() {
    while (call<>("nvmlShutdown") == kSuccess) {
    }
  }
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  template <typename... Arguments>
  nvmlReturn_t call(const char* name, Arguments... arguments) const {
    auto* function = reinterpret_cast<nvmlReturn_t (*)(Arguments...)>(::dlsym(library, name));
    return function == nullptr ? -1 : function(arguments...);
  }
  nvmlReturn_t init() const { return call<>("nvmlInit_v2"); }
  nvmlDevice_t gpu(unsigned index) const {
    nvmlDevice_t device = nullptr;
    EXPECT_EQ(call("nvmlDeviceGetHandleByIndex_v2", index, &device), kSuccess);
    return device;
  }
  unsigned count() const {
    unsigned count = 77;
    EXPECT_EQ(call("nvmlDeviceGetCount_v2", &count), kSuccess);
    return count;
  }
  nvmlEventSet_t set() const {
    nvmlEventSet_t set = nullptr;
    EXPECT_EQ(call("nvmlEventSetCreate", &set), kSuccess);
    return set;
  }
  nvmlReturn_t add(nvmlEventSet_t set, nvmlDevice_t device,
                   unsigned long long types = kXidCriticalError) const {
    return call("nvmlDeviceRegisterEvents", device, types, set);
  }
  // A set that waits for XIDs of these GPUs.
  nvmlEventSet_t set_of(std::initializer_list<unsigned> indices) const {
    auto* made = set();
    for (const unsigned index : indices) EXPECT_EQ(add(made, gpu(index)), kSuccess);
    return made;
  }
  // "gpu1 xid 79", or "code 10".
  std::string wait(nvmlEventSet_t set, unsigned limit_ms = kLong) const {
    nvmlEventData_t event{};
    const auto code = call("nvmlEventSetWait_v2", set, &event, limit_ms);
    if (code != kSuccess) return std::format("code {}", code);
    unsigned index = 77;
    EXPECT_EQ(call("nvmlDeviceGetIndex", event.device, &index), kSuccess);
    EXPECT_EQ(event.eventType, kXidCriticalError);
    EXPECT_EQ(event.gpuInstanceId, kNoInstance);
    EXPECT_EQ(event.computeInstanceId, kNoInstance);
    return std::format("gpu{} xid {}", index, event.eventData);
  }

  void* library;
};

class Events : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(nvml_.init(), kSuccess); }
  void raise(const char* gpu, std::uint64_t xid, unsigned times = 1) {
    ASSERT_TRUE(raise_xid(scratch_.folder(), gpu, xid, times));
  }
  void lose(const char* gpu, bool lost = true) {
    ASSERT_TRUE(change_load(scratch_.folder(), gpu, {.lost = lost}));
  }

  Scratch scratch_{2};
  Nvml nvml_{scratch_};
};

TEST_F(Events, ReachWhoWaits) {
  auto* set = nvml_.set_of({0, 1});
  auto waiting = std::async(std::launch::async, [&] { return nvml_.wait(set); });
  raise("1", 79);
  EXPECT_EQ(waiting.get(), "gpu1 xid 79");
  EXPECT_EQ(nvml_.wait(set, 0), "code 10") << "each comes once";
  EXPECT_EQ(nvml_.call("nvmlEventSetFree", set), kSuccess);
}

TEST_F(Events, ComeInOrderHoweverQuickly) {
  auto* set = nvml_.set_of({0, 1});
  raise("0", 48);
  raise("1", 31, 3);
  raise("0", ~0ULL);
  std::string seen;
  for (int event = 0; event < 5; ++event) seen += nvml_.wait(set, 0) + ", ";
  EXPECT_EQ(nvml_.wait(set, 0), "code 10");
  EXPECT_EQ(seen, "gpu0 xid 48, gpu1 xid 31, gpu1 xid 31, gpu1 xid 31, "
                  "gpu0 xid 18446744073709551615, ");
}

TEST_F(Events, FromBeforeTheRegistrationDoNotCount) {
  raise("0", 1);
  auto* set = nvml_.set_of({0});
  raise("0", 2);
  raise("1", 3);
  ASSERT_EQ(nvml_.add(set, nvml_.gpu(1)), kSuccess);
  ASSERT_EQ(nvml_.add(set, nvml_.gpu(0)), kSuccess) << "again: what was recorded stays";
  raise("1", 4);
  EXPECT_EQ(nvml_.wait(set, 0), "gpu0 xid 2");
  EXPECT_EQ(nvml_.wait(set, 0), "gpu1 xid 4");
  EXPECT_EQ(nvml_.wait(set, 0), "code 10");
}

TEST_F(Events, GoToEverySet) {
  auto* one = nvml_.set_of({0});
  auto* other = nvml_.set_of({0, 1});
  auto* empty = nvml_.set();
  raise("all", 79);
  EXPECT_EQ(nvml_.wait(one, 0), "gpu0 xid 79");
  EXPECT_EQ(nvml_.wait(one, 0), "code 10");
  EXPECT_EQ(nvml_.wait(other, 0), "gpu0 xid 79");
  EXPECT_EQ(nvml_.wait(other, 0), "gpu1 xid 79");
  EXPECT_EQ(nvml_.wait(empty, 0), "code 10");
}

TEST_F(Events, GoToEveryProcess) {
  std::vector<std::pair<pid_t, int>> children;
  for (int child = 0; child < 3; ++child) {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const auto pid = ::fork();
    if (pid == 0) {  // a process of its own: it says when it waits, and exits with what it got
      auto* set = nvml_.set_of({0, 1});
      [[maybe_unused]] const auto written = ::write(ready[1], "!", 1);
      const bool good = nvml_.wait(set) == "gpu1 xid 79" && nvml_.wait(set) == "gpu0 xid 48" &&
                        nvml_.wait(set, 0) == "code 10";
      ::_exit(good ? 0 : 1);
    }
    ::close(ready[1]);
    children.emplace_back(pid, ready[0]);
  }
  for (const auto& [pid, ready] : children) {
    char byte = 0;
    ASSERT_EQ(::read(ready, &byte, 1), 1);
    ::close(ready);
  }
  raise("1", 79);
  raise("0", 48);
  for (const auto& [pid, ready] : children) {
    int status = -1;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
  }
}

TEST_F(Events, OfAGpuThatIsLostEndTheWait) {
  auto* set = nvml_.set_of({0, 1});
  auto waiting = std::async(std::launch::async, [&] { return nvml_.wait(set); });
  lose("0");
  EXPECT_EQ(waiting.get(), "code 15");
  raise("1", 48);
  EXPECT_EQ(nvml_.wait(set), "gpu1 xid 48") << "what was raised comes first";
  EXPECT_EQ(nvml_.wait(set), "code 15") << "at once, as long as it is lost";
  auto* other = nvml_.set_of({1});
  EXPECT_EQ(nvml_.wait(other, 0), "code 10");
  lose("0", false);
  EXPECT_EQ(nvml_.wait(set, 0), "code 10");
}

TEST_F(Events, WaitForAsLongAsAsked) {
  auto* set = nvml_.set_of({0});
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(nvml_.wait(set, 50), "code 10");
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(50));
}

TEST_F(Events, EndWithTheSetAndTheLibrary) {
  auto* set = nvml_.set_of({0});
  auto waiting = std::async(std::launch::async, [&] { return nvml_.wait(set); });
  auto* other = nvml_.set_of({0});
  auto longer = std::async(std::launch::async, [&] { return nvml_.wait(other); });
  EXPECT_EQ(nvml_.call("nvmlEventSetFree", set), kSuccess);
  EXPECT_EQ(waiting.get(), "code 2");
  EXPECT_EQ(nvml_.call("nvmlEventSetFree", set), kInvalidArgument);
  ASSERT_EQ(nvml_.call<>("nvmlShutdown"), kSuccess);
  EXPECT_EQ(longer.get(), "code 1");
  EXPECT_EQ(nvml_.wait(other, 0), "code 1");
  ASSERT_EQ(nvml_.init(), kSuccess);
  EXPECT_EQ(nvml_.wait(other, 0), "code 2") << "a set of an earlier initialisation";
}

TEST_F(Events, AreRefusedWhereTheyCannotBe) {
  auto* set = nvml_.set();
  unsigned long long types = 0;
  EXPECT_EQ(nvml_.call("nvmlDeviceGetSupportedEventTypes", nvml_.gpu(0), &types), kSuccess);
  EXPECT_EQ(types, kXidCriticalError | kSingleBitEccError | kDoubleBitEccError);
  EXPECT_EQ(nvml_.add(set, nvml_.gpu(0), types), kSuccess);
  EXPECT_EQ(nvml_.add(set, nvml_.gpu(0), 0x10), kNotSupported);
  EXPECT_EQ(nvml_.add(set, nvml_.gpu(0), 1ULL << 40U), kInvalidArgument);
  EXPECT_EQ(nvml_.add(set, nullptr), kInvalidArgument);
  EXPECT_EQ(nvml_.add(nullptr, nvml_.gpu(0)), kInvalidArgument);
  EXPECT_EQ(nvml_.wait(nullptr, 0), "code 2");
  nvmlEventData_t* nothing = nullptr;
  EXPECT_EQ(nvml_.call("nvmlEventSetWait_v2", set, nothing, 0U), kInvalidArgument);
  const auto lost = nvml_.gpu(1);
  lose("1");
  EXPECT_EQ(nvml_.add(set, lost), kGpuIsLost);
}

TEST_F(Events, OfOldCallersStayInTheirStruct) {
  auto* set = nvml_.set_of({0});
  raise("0", 79);
  nvmlEventData_t event{};
  event.gpuInstanceId = 7;
  EXPECT_EQ(nvml_.call("nvmlEventSetWait", set, &event, 0U), kSuccess);
  EXPECT_EQ(event.eventData, 79U);
  EXPECT_EQ(event.gpuInstanceId, 7U) << "beyond the end of the old struct";
}

TEST_F(Events, SurviveDamageAndAMachineMadeAnew) {
  auto* set = nvml_.set_of({0});
  raise("0", 1, 5);
  EXPECT_EQ(nvml_.wait(set, 0), "gpu0 xid 1");
  Scratch::write(scratch_.state("xids.json"), "{ half a fi");
  for (int rest = 0; rest < 4; ++rest) EXPECT_EQ(nvml_.wait(set, 0), "gpu0 xid 1");
  EXPECT_EQ(nvml_.wait(set, 0), "code 10");
  std::filesystem::remove(scratch_.state("xids.json"));
  EXPECT_EQ(nvml_.wait(set, 0), "code 10");
  raise("0", 2);
  EXPECT_EQ(nvml_.wait(set, 0), "gpu0 xid 2");
}

TEST_F(Events, AreKeptUpToALimit) {
  auto* set = nvml_.set_of({0});
  raise("0", 1, 3);
  raise("0", 2, 1024);
  std::size_t seen = 0;
  while (nvml_.wait(set, 0) == "gpu0 xid 2") ++seen;
  EXPECT_EQ(seen, 1024U);
}

// What a client sees that was initialised before, and one that begins now.
TEST_F(Events, AnUnpluggedGpuIsLostUntilTheNextInit) {
  const auto first = nvml_.gpu(0);
  auto* set = nvml_.set_of({0, 1});
  ASSERT_TRUE(set_plugged(scratch_.folder(), "0", false));
  char uuid[96];
  EXPECT_EQ(nvml_.call("nvmlDeviceGetUUID", first, &uuid[0], 96U), kGpuIsLost);
  EXPECT_EQ(nvml_.wait(set), "code 15");
  EXPECT_EQ(nvml_.count(), 2U) << "counted until somebody looks anew";

  ASSERT_TRUE(set_plugged(scratch_.folder(), "0", true));
  EXPECT_EQ(nvml_.call("nvmlDeviceGetUUID", first, &uuid[0], 96U), kGpuIsLost) << "for good";
  ASSERT_EQ(nvml_.call<>("nvmlShutdown"), kSuccess);
  ASSERT_EQ(nvml_.init(), kSuccess);
  EXPECT_EQ(nvml_.call("nvmlDeviceGetUUID", nvml_.gpu(0), &uuid[0], 96U), kSuccess);
  EXPECT_EQ(uuid, scratch_.uuid(0));
}

TEST_F(Events, AnInitFindsWhatIsPlugged) {
  const auto again = [&] {
    EXPECT_EQ(nvml_.call<>("nvmlShutdown"), kSuccess);
    return nvml_.init();
  };
  ASSERT_TRUE(set_plugged(scratch_.folder(), "0", false));
  ASSERT_EQ(again(), kSuccess);
  EXPECT_EQ(nvml_.count(), 1U);
  ASSERT_TRUE(set_plugged(scratch_.folder(), "0", true));
  EXPECT_EQ(nvml_.count(), 1U) << "not before the next init";
  ASSERT_TRUE(set_plugged(scratch_.folder(), "all", false));
  ASSERT_EQ(again(), kSuccess);
  EXPECT_EQ(nvml_.count(), 0U);
  ASSERT_TRUE(set_plugged(scratch_.folder(), "all", true));
  ASSERT_EQ(again(), kSuccess);
  EXPECT_EQ(nvml_.count(), 2U);
  for (const int code : {9, 18, 999}) {
    ASSERT_TRUE(set_init_code(scratch_.folder(), code));
    EXPECT_EQ(nvml_.count(), 2U) << "who is initialised goes on";
    EXPECT_EQ(again(), code);
    ASSERT_TRUE(set_init_code(scratch_.folder(), 0));
    ASSERT_EQ(nvml_.init(), kSuccess);
  }
}

// "If any GPU has fallen off the bus", the search for another one by UUID may fail.
TEST_F(Events, ASearchMeetsTheLostOne) {
  nvmlDevice_t found = nullptr;
  const auto by_uuid = [&](unsigned gpu) {
    return nvml_.call("nvmlDeviceGetHandleByUUID", scratch_.uuid(gpu).c_str(), &found);
  };
  lose("1");
  EXPECT_EQ(by_uuid(0), kSuccess);
  lose("0");
  lose("1", false);
  EXPECT_EQ(by_uuid(1), kGpuIsLost);
  EXPECT_EQ(nvml_.call("nvmlDeviceGetHandleByIndex_v2", 1U, &found), kSuccess);
  EXPECT_EQ(nvml_.call("nvmlDeviceGetHandleByPciBusId_v2", "0000:0A:00.0", &found), kSuccess);
}

}  // namespace
}  // namespace gpuhub::nvml_sim
