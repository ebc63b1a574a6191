// What the library says of faults is not believed blindly either, and cannot hurt.
#include <gtest/gtest.h>

#include <format>
#include <future>
#include <thread>

#include "inventory/nvml_inventory.hpp"
#include "liar.hpp"
#include "show.hpp"

namespace gpuhub::inventory {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr milliseconds kLong = 60s;  // no test waits for its end

class FaultLies : public testing::Test {
 protected:
  void SetUp() override {
    liar_.lie("");
    open_before_ = liar_.inits() - liar_.shutdowns();
  }
  // By now no inventory lives; a wait that hung comes back with the truth, and its thread ends.
  void TearDown() override {
    liar_.lie("");
    EXPECT_TRUE(poll([&] { return liar_.inits() - liar_.shutdowns() == open_before_; }))
        << "what was begun was not ended";
  }

  std::unique_ptr<Inventory> inventory(milliseconds reopen_first = 1h) {
    auto made = make_nvml_inventory({.library = LYING_LIBRARY,
                                     .sim_folder = "",
                                     .warn = [this](const auto& w) { warnings_.push_back(w); },
                                     .ignore_xids = {-5, 94},
                                     .reopen_first = reopen_first,
                                     .reopen_most = reopen_first});
    EXPECT_EQ(show_gpus(*made), "GPU-a | GPU-b");
    return made;
  }
  template <typename Good>
  static bool poll(Good good) {
    const auto deadline = steady_clock::now() + kLong;
    while (!good() && steady_clock::now() < deadline) std::this_thread::yield();
    return good();
  }
  // Waits until the library was asked for events `more` times from now on.
  void waited(unsigned more) {
    const auto enough = liar_.waits() + more;
    ASSERT_TRUE(poll([&] { return liar_.waits() >= enough; }));
  }

  Liar& liar_ = Liar::get();
  unsigned open_before_ = 0;
  std::vector<std::string> warnings_;
};

TEST_F(FaultLies, AboutNothing) {
  const auto inventory = this->inventory();
  liar_.raise(1, 79);
  EXPECT_EQ(show_next_faults(*inventory), "GPU-b xid 79");
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(FaultLies, NumbersThatCannotBeAreFaultsWithoutOne) {
  const auto inventory = this->inventory();
  for (const auto xid : {0ULL, 10'000ULL, 0x80000000ULL, ~0ULL}) {
    liar_.raise(0, xid);
    const auto told = inventory->faults(kLong).value();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].second.xid, std::nullopt);
    EXPECT_EQ(told[0].second.detail,
              std::format("a critical error whose number ({}) cannot be", xid));
  }
  liar_.raise(0, 9'999);
  EXPECT_EQ(show_next_faults(*inventory), "GPU-a xid 9999");
}

TEST_F(FaultLies, EventsOfUnknownGpusAndKindsAreNone) {
  const auto inventory = this->inventory();
  liar_.raise(2, 79);
  liar_.raise(0, 79, 0);
  liar_.raise(0, 79, ~8ULL);
  liar_.raise(0, 94);
  liar_.raise(1, 48, ~0ULL);
  EXPECT_EQ(show_next_faults(*inventory), "GPU-b xid 48");
}

TEST_F(FaultLies, AFloodOfTheSameIsToldOnceAndPaced) {
  const auto inventory = this->inventory();
  const auto before = liar_.waits();
  const auto begin = steady_clock::now();
  liar_.lie("flood");
  EXPECT_EQ(show_next_faults(*inventory), "GPU-a xid 79");
  waited(200);
  EXPECT_EQ(show_next_faults(*inventory), "GPU-a xid 79");
  const auto took = std::chrono::duration<double>(steady_clock::now() - begin);
  const auto waits = liar_.waits() - before;
  EXPECT_LE(waits, 64 * (took / 100ms + 2)) << "in " << took.count() << " s";
}

TEST_F(FaultLies, AFloodOfKindsIsCut) {
  const auto inventory = this->inventory();
  liar_.lie("flood;of kinds");
  waited(600);
  EXPECT_EQ(inventory->faults(0ms)->size(), 256U);
  waited(600);
  EXPECT_EQ(inventory->faults(0ms)->size(), 256U);
  EXPECT_EQ(warnings_, std::vector<std::string>{"XID errors may go unheard: NVML: more events at"
                                                " once than can be kept"});
}

TEST_F(FaultLies, AWaitThatComesBackAtOnceIsPaced) {
  const auto inventory = this->inventory();
  const auto before = liar_.waits();
  const auto begin = steady_clock::now();
  liar_.lie("wait at once");
  waited(4);
  const auto took = std::chrono::duration<double>(steady_clock::now() - begin);
  EXPECT_LE(liar_.waits() - before, took / 100ms + 3);
}

TEST_F(FaultLies, AWaitThatFailsIsToldOnceAndTriedAgain) {
  const auto inventory = this->inventory();
  liar_.lie("wait fails");
  waited(2);
  EXPECT_EQ(show_faults(*inventory), "");
  EXPECT_EQ(show_faults(*inventory), "");
  EXPECT_EQ(warnings_, std::vector<std::string>{"XID errors may go unheard: NVML:"
                                                " nvmlEventSetWait: Something ?? odd"});
  EXPECT_EQ(show_gpus(*inventory), "GPU-a | GPU-b");
  liar_.lie("");
  liar_.raise(0, 48);
  EXPECT_EQ(show_next_faults(*inventory), "GPU-a xid 48");
}

TEST_F(FaultLies, ALostGpuThatNobodyIsMakesNoFault) {
  const auto inventory = this->inventory();
  liar_.lie("wait lost");
  waited(2);
  EXPECT_EQ(show_faults(*inventory), "");
  EXPECT_EQ(show_gpus(*inventory), "GPU-a | GPU-b");
  liar_.lie("");
  liar_.raise(0, 48);
  EXPECT_EQ(show_next_faults(*inventory), "GPU-a xid 48");
}

TEST_F(FaultLies, AWaitThatHangsCostsTheEventsOnly) {
  const auto inventory = this->inventory(0ms);
  liar_.lie("wait hangs");
  waited(1);
  EXPECT_EQ(show_gpus(*inventory), "GPU-a | GPU-b");
  EXPECT_TRUE(inventory->load(*model::GpuId::parse("GPU-b")));
  EXPECT_EQ(show_faults(*inventory), "");
  liar_.lie("wait hangs;b lost");
  EXPECT_FALSE(inventory->load(*model::GpuId::parse("GPU-b")));
  EXPECT_EQ(show_faults(*inventory), "GPU-b lost");
  EXPECT_EQ(show_gpus(*inventory), "GPU-a | GPU-b") << "NVML begun anew, the wait left behind";
  EXPECT_EQ(show_next_faults(*inventory), "GPU-b lost") << "at once";
  ASSERT_EQ(warnings_.size(), 2U);
  EXPECT_TRUE(warnings_[0].ends_with("a wait for events does not return; no other is begun"));
  const auto waits = liar_.waits();
  liar_.lie("wait hangs");
  EXPECT_EQ(show_gpus(*inventory), "GPU-a | GPU-b");
  EXPECT_EQ(show_faults(*inventory, kLong), "");
  EXPECT_EQ(liar_.waits(), waits) << "one thread is enough to lose";
}

TEST_F(FaultLies, WithoutEventsAreNoTrouble) {
  for (const auto* lie : {"no events", "deaf"}) {
    liar_.lie(lie);
    const auto inventory = this->inventory();
    EXPECT_EQ(show_faults(*inventory, kLong), "") << "at once";
    EXPECT_TRUE(warnings_.empty());
  }
  liar_.lie("b deaf");
  const auto inventory = this->inventory();
  liar_.raise(0, 48);
  EXPECT_EQ(show_next_faults(*inventory), "GPU-a xid 48");
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(FaultLies, AboutEventSetsAreToldOnce) {
  for (const auto* lie : {"set fails", "null set"}) {
    warnings_.clear();
    liar_.lie(lie);
    const auto inventory = this->inventory();
    EXPECT_EQ(show_faults(*inventory, kLong), "");
    EXPECT_EQ(show_gpus(*inventory), "GPU-a | GPU-b");
    EXPECT_EQ(warnings_.size(), 1U);
  }
  liar_.lie("b odd");
  warnings_.clear();
  const auto inventory = this->inventory();
  liar_.raise(0, 48);
  EXPECT_EQ(show_next_faults(*inventory), "GPU-a xid 48") << "the set is made without the odd one";
  EXPECT_EQ(warnings_, std::vector<std::string>{"XID errors may go unheard: NVML:"
                                                " nvmlDeviceRegisterEvents: Something ?? odd"});
}

// The ways in which drivers show one of several GPUs that cannot be reached.
TEST_F(FaultLies, AGpuThatIsLostInAnyWayIsKept) {
  for (const auto* lie : {"b lost", "b lost;lost late", "b unknown", "null handle", "b lost;no pci",
                          "b unknown;no pci"}) {
    liar_.lie("");
    const auto inventory = this->inventory(0ms);
    liar_.lie(lie);
    for (int look = 0; look < 2; ++look) {
      EXPECT_EQ(show_gpus(*inventory), "GPU-a | GPU-b") << lie;
      EXPECT_EQ(show_faults(*inventory), "GPU-b lost") << lie;
      EXPECT_TRUE(inventory->load(*model::GpuId::parse("GPU-a"))) << lie;
      EXPECT_FALSE(inventory->load(*model::GpuId::parse("GPU-b"))) << lie;
      EXPECT_EQ(show_faults(*inventory), "GPU-b lost") << lie;
    }
    liar_.lie("");
    EXPECT_EQ(show_gpus(*inventory), "GPU-a | GPU-b") << lie;
    EXPECT_EQ(show_faults(*inventory), "") << lie;
  }
}

TEST_F(FaultLies, TheLostIsToldFromTheMissing) {
  const auto inventory = this->inventory(0ms);
  liar_.lie("a gone");
  EXPECT_EQ(show_gpus(*inventory), "GPU-b");
  EXPECT_EQ(show_faults(*inventory), "");
  liar_.lie("a gone;b unknown");
  EXPECT_EQ(show_gpus(*inventory), "GPU-b") << "one is counted, and it is b";
  EXPECT_EQ(show_faults(*inventory), "GPU-b lost");
  liar_.lie("");
  EXPECT_EQ(show_gpus(*inventory), "GPU-a | GPU-b");
}

TEST_F(FaultLies, AHealthyGpuIsNotSearchedFor) {
  const auto inventory = this->inventory();
  liar_.lie("a lost");
  EXPECT_TRUE(inventory->load(*model::GpuId::parse("GPU-b")));
}

TEST_F(FaultLies, AFailureLeavesNoHandleToBeUsed) {
  const auto inventory = this->inventory();
  liar_.lie("count fails");
  EXPECT_FALSE(inventory->gpus());
  EXPECT_EQ(show_faults(*inventory, kLong), "") << "at once: nothing is open";
  EXPECT_TRUE(inventory->load(*model::GpuId::parse("GPU-b"))) << "searched for";
}

TEST_F(FaultLies, NvmlIsBegunAnewSeldom) {
  const auto inventory = this->inventory(1h);
  const auto inits = liar_.inits();
  liar_.lie("b lost");
  for (int look = 0; look < 5; ++look) EXPECT_EQ(show_gpus(*inventory), "GPU-a | GPU-b");
  EXPECT_EQ(liar_.inits(), inits);
}

TEST_F(FaultLies, AGpuThatNeverCouldBeReadIsLeftOut) {
  liar_.lie("b unknown");
  std::vector<std::string> warnings;
  const auto inventory = make_nvml_inventory(
      {.library = LYING_LIBRARY, .sim_folder = "", .warn = [&](const auto& w) {
         warnings.push_back(w);
       }});
  EXPECT_EQ(show_gpus(*inventory), "GPU-a");
  EXPECT_EQ(show_faults(*inventory), "");
  EXPECT_EQ(warnings, std::vector<std::string>{
                          "GPU 1 is left out: nvmlDeviceGetHandleByIndex: Something ?? odd"});
}

}  // namespace
}  // namespace gpuhub::inventory
