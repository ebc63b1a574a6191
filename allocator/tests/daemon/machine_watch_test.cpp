#include "daemon/machine_watch.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "inventory/double.hpp"

namespace gpuhub::daemon {
namespace {
using namespace std::chrono_literals;

const model::GpuId gpu_a = *model::GpuId::parse("GPU-a");

model::GpuInfo info() { return {gpu_a, "A100", {}, {}, {}, {}, {}, {}}; }

// The watch with short times, and what it told.
struct Watched {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Sight> sights;
  inventory::InventoryDouble* inventory = nullptr;
  std::unique_ptr<MachineWatch> watch;

  explicit Watched(bool listed = false) {
    auto made = std::make_unique<inventory::InventoryDouble>(std::vector{info()});
    inventory = made.get();
    if (listed) made.reset();
    watch = std::make_unique<MachineWatch>(
        std::move(made), std::vector<std::string>{"/nonexistent"}, WatchTimes{2ms, 20ms, 4ms},
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

}  // namespace
}  // namespace gpuhub::daemon
