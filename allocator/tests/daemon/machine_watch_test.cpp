#include "daemon/machine_watch.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>

#include "inventory/bounded.hpp"
#include "inventory/double.hpp"
#include "processes/double.hpp"

namespace gpuhub::daemon {
namespace {
using namespace std::chrono_literals;

const model::GpuId gpu_a = *model::GpuId::parse("GPU-a");
const model::ContainerId container = *model::ContainerId::parse(std::string(64, 'a'));

model::GpuInfo info() { return {gpu_a, "A100", {}, {}, {}, {}, {}, {}}; }

// The watch with short times, and what it told.
struct Watched {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Sight> sights;
  inventory::InventoryDouble* inventory = nullptr;
  std::unique_ptr<MachineWatch> watch;

  explicit Watched(bool listed = false, WatchTimes times = {2ms, 20ms, 4ms, 1ms, 1ms}) {
    auto made = std::make_unique<inventory::InventoryDouble>(std::vector{info()});
    inventory = made.get();
    if (listed) made.reset();
    begin(std::move(made), times);
  }
  Watched(std::unique_ptr<inventory::Inventory> other, WatchTimes times) {
    begin(std::move(other), times);
  }
  void begin(std::unique_ptr<inventory::Inventory> made, WatchTimes times) {
    auto processes = std::make_unique<processes::ProcessesDouble>();
    processes->run(7, 100, {container});
    watch = std::make_unique<MachineWatch>(
        std::move(made), std::move(processes), std::vector<std::string>{"/nonexistent"}, times,
        [this](Sight sight) {
          const std::scoped_lock lock{mutex};
          sights.push_back(std::move(sight));
          changed.notify_all();
        });
  }
  template <typename Good>
  bool told(Good good) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, 10s, [&] { return std::ranges::any_of(sights, good); });
  }
};

TEST(MachineWatch, TellsGpusCdiAndLoads) {
  Watched it;
  model::GpuLoad load;
  load.gpu_util_percent = 40;
  it.inventory->set_load(gpu_a, load);
  EXPECT_TRUE(it.told([](const Sight& s) { return s.gpus && s.gpus->has_value() && s.cdi; }));
  EXPECT_TRUE(it.told([](const Sight& s) {
    const auto found = s.loads.find(gpu_a);
    return found != s.loads.end() && found->second.gpu_util_percent == 40;
  }));
}

TEST(MachineWatch, TellsWhoseProcessesDoWhat) {
  Watched it;
  it.inventory->set_activity(
      gpu_a, {.processes = std::vector<model::GpuProcess>{
                  {.pid = 7, .memory = model::Mebibytes{3}, .sm_percent = 40, .instance = {}},
                  {.pid = 8, .memory = {}, .sm_percent = {}, .instance = {}},
                  {.pid = static_cast<std::uint32_t>(::getpid()), .memory = {}, .sm_percent = {},
                   .instance = {}}},
              .by_process = true});
  EXPECT_TRUE(it.told([](const Sight& s) {
    if (!s.sample || s.sample->empty() || !s.sample->front().processes) return false;
    const auto& gpu = s.sample->front();
    const auto& all = *gpu.processes;
    return gpu.gpu == gpu_a && gpu.by_process && all.size() == 2 && all[0].sm_percent == 40 &&
           all[0].containers == std::vector{container} && all[0].known && !all[1].known;
  })) << "its own process is left out, a vanished one belongs to nobody";
}

// A driver that hangs while it is asked what processes do: looks come to an end, and go on once it
// answers again.
TEST(MachineWatch, ADriverThatHangsInASampleIsLeftAlone) {
  struct Hangs final : inventory::Inventory {
    std::atomic<bool>& hangs;
    explicit Hangs(std::atomic<bool>& yes) : hangs(yes) {}
    std::expected<std::vector<model::GpuInfo>, inventory::Error> gpus() override {
      return std::vector{info()};
    }
    std::expected<model::GpuLoad, inventory::Error> load(const model::GpuId& /*gpu*/) override {
      return model::GpuLoad{.gpu_util_percent = 40, .memory_util_percent = {}, .memory_used = {}};
    }
    std::expected<model::GpuActivity, inventory::Error> activity(
        const model::GpuId& /*gpu*/) override {
      hangs.wait(true);
      return model::GpuActivity{.processes = std::vector<model::GpuProcess>{}, .by_process = true};
    }
    std::expected<inventory::Faults, inventory::Error> faults(
        std::chrono::milliseconds /*wait*/) override {
      return inventory::Faults{};
    }
  };
  std::atomic<bool> hangs{true};
  Watched it{inventory::make_bounded(std::make_unique<Hangs>(hangs), 20ms),
             {.load = 1ms, .refresh = 1h, .retry = 1h, .fault_wait = 1ms}};
  EXPECT_TRUE(it.told([](const Sight& s) {
    return s.sample && !s.sample->empty() && !s.sample->front().processes;
  })) << "what the whole GPU does was told before";
  EXPECT_TRUE(it.told([](const Sight& s) { return s.sample && s.sample->empty(); }));
  hangs = false;
  hangs.notify_all();
  EXPECT_TRUE(it.told([](const Sight& s) {
    return s.sample && !s.sample->empty() && s.sample->front().processes;
  }));
}

TEST(MachineWatch, AFailureIsToldAndTriedAgain) {
  Watched it;
  EXPECT_TRUE(it.told([](const Sight& s) { return s.gpus && s.gpus->has_value(); }));
  it.inventory->fail(inventory::Error{inventory::ErrorKind::failed, "the driver is gone"});
  EXPECT_TRUE(it.told([](const Sight& s) {
    return s.gpus && !s.gpus->has_value() && s.gpus->error() == "the driver is gone";
  }));
  it.inventory->fail(std::nullopt);
  {
    const std::scoped_lock lock{it.mutex};
    it.sights.clear();
  }
  EXPECT_TRUE(it.told([](const Sight& s) { return s.gpus && s.gpus->has_value(); }));
}

TEST(MachineWatch, AListedInventoryIsNotAsked) {
  Watched it{true};
  EXPECT_TRUE(it.told([](const Sight& s) { return s.cdi != nullptr; }));
  EXPECT_FALSE(it.sights.front().gpus);
}

model::GpuFault xid(int number) {
  return {.kind = model::FaultKind::xid, .xid = number, .detail = "it said so"};
}

TEST(MachineWatch, TellsAFaultBetweenTwoLooksWithTheLoads) {
  Watched it{false, {.load = 1h, .fault_wait = 20s}};
  model::GpuLoad load;
  load.gpu_util_percent = 40;
  it.inventory->set_load(gpu_a, load);
  EXPECT_TRUE(it.told([](const Sight& s) { return s.gpus.has_value(); }));
  it.inventory->raise(gpu_a, xid(79));
  EXPECT_TRUE(it.told([](const Sight& s) {
    return s.faults == inventory::Faults{{gpu_a, xid(79)}};
  }));
  it.inventory->raise(gpu_a, xid(48));
  EXPECT_TRUE(it.told([](const Sight& s) {
    return !s.gpus && s.faults == inventory::Faults{{gpu_a, xid(48)}};
  }));
  const std::scoped_lock lock{it.mutex};
  EXPECT_TRUE(std::ranges::all_of(it.sights, [&](const Sight& s) {
    return s.loads.contains(gpu_a);
  })) << "a fault does not make the loads unknown";
  it.inventory->raise(gpu_a, xid(1));  // so that the end waits for none
}

TEST(MachineWatch, TellsFaultsInPieces) {
  Watched it{false, {.load = 1h, .fault_wait = 20s, .fault_gap = 20s}};
  EXPECT_TRUE(it.told([](const Sight& s) { return s.gpus.has_value(); }));
  it.inventory->raise(gpu_a, xid(1));
  EXPECT_TRUE(it.told([](const Sight& s) { return !s.faults.empty(); }));
  for (int number = 2; number < 100; ++number) it.inventory->raise(gpu_a, xid(number));
  it.watch.reset();
  EXPECT_LE(it.sights.size(), 3U);
}

TEST(MachineWatch, AFaultThatCannotBeHeardIsNotAskedForWithoutEnd) {
  // Comes back at once, with nothing or an error.
  struct AtOnce final : inventory::Inventory {
    std::atomic<int>& asked;
    explicit AtOnce(std::atomic<int>& count) : asked(count) {}
    std::expected<std::vector<model::GpuInfo>, inventory::Error> gpus() override {
      return std::vector{info()};
    }
    std::expected<model::GpuLoad, inventory::Error> load(const model::GpuId& /*gpu*/) override {
      return model::GpuLoad{};
    }
    std::expected<model::GpuActivity, inventory::Error> activity(
        const model::GpuId& /*gpu*/) override {
      return model::GpuActivity{};
    }
    std::expected<inventory::Faults, inventory::Error> faults(
        std::chrono::milliseconds /*wait*/) override {
      if (++asked % 2 == 0) return inventory::Faults{};
      return std::unexpected{inventory::Error{inventory::ErrorKind::failed, "no"}};
    }
  };
  std::atomic<int> asked{0};
  const auto begin = std::chrono::steady_clock::now();
  Watched it{std::make_unique<AtOnce>(asked), {.load = 100ms, .fault_wait = 25ms}};
  {
    std::unique_lock lock{it.mutex};
    EXPECT_TRUE(it.changed.wait_for(lock, 20s, [&] { return it.sights.size() >= 3; }));
  }
  const auto took = std::chrono::steady_clock::now() - begin;
  it.watch.reset();
  EXPECT_LE(asked, 2 * (took / 25ms + 2));
}

TEST(MachineWatch, ALostGpuIsLookedAtAgainSoonButNotAlways) {
  struct Lost final : inventory::Inventory {
    std::atomic<int>& listed;
    explicit Lost(std::atomic<int>& count) : listed(count) {}
    std::expected<std::vector<model::GpuInfo>, inventory::Error> gpus() override {
      ++listed;
      return std::vector{info()};
    }
    std::expected<model::GpuLoad, inventory::Error> load(const model::GpuId& /*gpu*/) override {
      return std::unexpected{inventory::Error{inventory::ErrorKind::failed, "lost"}};
    }
    std::expected<model::GpuActivity, inventory::Error> activity(
        const model::GpuId& /*gpu*/) override {
      return model::GpuActivity{};
    }
    std::expected<inventory::Faults, inventory::Error> faults(
        std::chrono::milliseconds /*wait*/) override {
      return inventory::Faults{};
    }
  };
  std::atomic<int> listed{0};
  const auto begin = std::chrono::steady_clock::now();
  Watched it{std::make_unique<Lost>(listed),
             {.load = 1ms, .refresh = 1h, .retry = 50ms, .fault_wait = 1ms}};
  {
    std::unique_lock lock{it.mutex};
    EXPECT_TRUE(it.changed.wait_for(lock, 20s, [&] { return listed >= 3; }));
  }
  it.watch.reset();
  EXPECT_LE(listed, (std::chrono::steady_clock::now() - begin) / 50ms + 1);
}

}  // namespace
}  // namespace gpuhub::daemon
