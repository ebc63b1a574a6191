#include "inventory/bounded.hpp"

#include <gtest/gtest.h>

#include <future>

#include "inventory/double.hpp"

namespace gpuhub::inventory {
namespace {

using std::chrono::milliseconds;

// Hangs in gpus() until it is let go.
class Hanging final : public Inventory {
 public:
  explicit Hanging(std::shared_future<void> gate) : gate_(std::move(gate)) {}
  std::expected<std::vector<model::GpuInfo>, Error> gpus() override {
    gate_.wait();
    return {};
  }
  std::expected<model::GpuLoad, Error> load(const model::GpuId& /*gpu*/) override {
    return model::GpuLoad{};
  }
  std::expected<model::GpuActivity, Error> activity(const model::GpuId& /*gpu*/) override {
    gate_.wait();
    return model::GpuActivity{};
  }
  std::expected<Faults, Error> faults(milliseconds /*wait*/) override {
    gate_.wait();
    return Faults{};
  }

 private:
  std::shared_future<void> gate_;
};

TEST(Bounded, PassesAnswersAndErrorsOn) {
  auto inside = std::make_unique<InventoryDouble>();
  auto& knobs = *inside;
  const auto bounded = make_bounded(std::move(inside), milliseconds(10'000));
  EXPECT_TRUE(bounded->gpus()->empty());
  EXPECT_EQ(bounded->load(*model::GpuId::parse("a")).error().message, "no GPU a");
  knobs.fail(Error{.kind = ErrorKind::unavailable, .message = "gone"});
  EXPECT_EQ(bounded->gpus().error().kind, ErrorKind::unavailable);
}

TEST(Bounded, GivesUpOnADriverThatHangsAndComesBackWhenItDoes) {
  std::promise<void> gate;
  const auto bounded =
      make_bounded(std::make_unique<Hanging>(gate.get_future().share()), milliseconds(20));
  const auto first = bounded->gpus();
  ASSERT_FALSE(first);
  EXPECT_TRUE(first.error().message.starts_with("the driver has not answered for 0."))
      << first.error().message;
  EXPECT_FALSE(bounded->load(*model::GpuId::parse("a"))) << "while the first call still hangs";
  gate.set_value();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!bounded->gpus() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_TRUE(bounded->gpus());
}

TEST(Bounded, LetsAWaitForFaultsLastAsLongAsItMay) {
  auto inside = std::make_unique<InventoryDouble>();
  auto& knobs = *inside;
  const auto bounded = make_bounded(std::move(inside), milliseconds(0));
  auto waiting =
      std::async(std::launch::async, [&] { return bounded->faults(milliseconds(20'000)); });
  const auto gpu = *model::GpuId::parse("a");
  const model::GpuFault fault{.kind = model::FaultKind::xid, .xid = 79, .detail = "off the bus"};
  knobs.raise(gpu, fault);
  EXPECT_EQ(waiting.get().value(), (Faults{{gpu, fault}}));
}

TEST(Bounded, GivesUpOnAWaitForFaultsThatHangs) {
  std::promise<void> gate;
  const auto bounded =
      make_bounded(std::make_unique<Hanging>(gate.get_future().share()), milliseconds(5));
  EXPECT_FALSE(bounded->faults(milliseconds(5)));
  gate.set_value();
}

TEST(Bounded, EndsWhileTheDriverHangs) {
  std::promise<void> gate;
  {
    const auto bounded =
        make_bounded(std::make_unique<Hanging>(gate.get_future().share()), milliseconds(5));
    EXPECT_FALSE(bounded->gpus());
  }
  gate.set_value();
}

}  // namespace
}  // namespace gpuhub::inventory
