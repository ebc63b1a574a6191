// Policy least_used as tables: a machine in a few characters, a request, what is picked or why not.
#include <format>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "policy/least_used.hpp"

namespace gpuhub::policy {
namespace {

using enum model::Mode;

// GPUs in index order, a word each: SLOTS/LEASES, then `x` held alone, `c` a conflict, `-` absent.
class Machine {
 public:
  explicit Machine(const std::string& text) {
    std::istringstream words{text};
    for (std::string word; words >> word;) add(word);
    for (std::size_t i = 0; i < gpus_.size(); ++i) uses_.at(i).gpu = &gpus_.at(i);
  }
  std::string pick(const model::Want& want, model::Mode mode) const {
    const auto picked = LeastUsed{}.pick(uses_, want, mode);
    if (!picked) {
      const bool never = picked.error().why == WhyNot::never;
      return (never ? "never: " : "not now: ") + picked.error().detail;
    }
    std::string ids;
    for (const auto& id : *picked) ids += (ids.empty() ? "" : " ") + id.str();
    return ids;
  }

 private:
  void add(const std::string& word) {
    const auto index = static_cast<int>(gpus_.size());
    const auto slash = word.find('/');
    GpuUse use;
    use.leases = word.at(slash + 1) - '0';
    use.exclusive = word.contains('x');
    use.conflicts = word.contains('c') ? 1 : 0;
    gpus_.push_back({.info = {.id = *model::GpuId::parse(std::format("g{}", index)), .model = {},
                              .memory = {}, .minor = {}, .pci_bus = {}, .devices = {}, .mounts = {},
                              .slots = {}},
                     .index = index, .slots = std::stoi(word.substr(0, slash)), .label = {},
                     .present = !word.contains('-')});
    uses_.push_back(use);
  }
  std::vector<model::Gpu> gpus_;
  std::vector<GpuUse> uses_;
};

struct Row {
  const char* machine;
  model::Want want;
  model::Mode mode;
  const char* answer;
};

void hold(const std::vector<Row>& rows) {
  for (const auto& row : rows) {
    EXPECT_EQ(Machine{row.machine}.pick(row.want, row.mode), row.answer) << row.machine;
  }
}

model::WantGpus named(std::initializer_list<const char*> names) {
  model::WantGpus want;
  for (const char* name : names) want.gpus.push_back(*model::GpuId::parse(name));
  return want;
}

TEST(LeastUsed, CountTakesTheLowestUsePerSlot) {
  hold({
      {"1/0 1/0", model::WantCount{1}, shared, "g0"},
      {"1/1 1/0", model::WantCount{1}, shared, "g1"},
      {"2/1 2/0", model::WantCount{1}, shared, "g1"},
      {"2/1 4/1", model::WantCount{1}, shared, "g1"},
      {"4/2 2/1 3/1", model::WantCount{1}, shared, "g2"},
      {"2/1 4/2", model::WantCount{1}, shared, "g0"},           // equal fractions: the first
      {"2/0c 2/1 2/0", model::WantCount{1}, shared, "g2"},      // a conflict counts as use
      {"2/0 2/1 2/0", model::WantCount{2}, shared, "g0 g2"},
      {"2/1 2/0 2/0", model::WantCount{3}, shared, "g0 g1 g2"},  // told in index order
      {"1/0- 1/0", model::WantCount{1}, shared, "g1"},
  });
}

TEST(LeastUsed, CountThatDoesNotFit) {
  hold({
      {"1/1", model::WantCount{1}, shared, "not now: 0 of 1 GPUs are free; 1 was asked for"},
      {"1/1 1/0", model::WantCount{2}, shared, "not now: 1 of 2 GPUs is free; 2 were asked for"},
      {"2/1x 1/1", model::WantCount{1}, shared, "not now: 0 of 2 GPUs are free; 1 was asked for"},
      {"1/0c", model::WantCount{1}, shared, "not now: 0 of 1 GPUs are free; 1 was asked for"},
      {"1/3", model::WantCount{1}, shared, "not now: 0 of 1 GPUs are free; 1 was asked for"},
      {"1/0 1/0", model::WantCount{3}, shared, "never: 3 GPUs were asked for; this machine has 2"},
      {"1/0-", model::WantCount{1}, shared, "never: 1 GPUs were asked for; this machine has 0"},
      {"", model::WantCount{1}, shared, "never: 1 GPUs were asked for; this machine has 0"},
  });
}

TEST(LeastUsed, ExclusiveNeedsAGpuThatNobodyUses) {
  hold({
      {"2/1 2/0", model::WantCount{1}, exclusive, "g1"},
      {"4/0c 1/0", model::WantCount{1}, exclusive, "g1"},
      {"2/1 2/0", model::WantCount{2}, exclusive, "not now: 1 of 2 GPUs is free; 2 were asked for"},
      {"2/1x", model::WantCount{1}, exclusive, "not now: 0 of 1 GPUs are free; 1 was asked for"},
      {"64/0", model::WantAll{}, exclusive, "g0"},
  });
}

TEST(LeastUsed, NamedGpusAllOrNothing) {
  hold({
      {"1/0 1/0 1/0", named({"g2", "g0"}), shared, "g0 g2"},
      {"2/1 2/2", named({"g0"}), shared, "g0"},
      {"2/1 2/2", named({"g0", "g1"}), shared, "not now: GPU 1 (g1) is taken"},
      {"2/1", named({"g0"}), exclusive, "not now: GPU 0 (g0) is taken"},
      {"1/0", named({"g7"}), shared, "never: there is no GPU g7 here"},
      {"1/0-", named({"g0"}), shared, "never: there is no GPU g0 here"},
      {"1/0", named({"g0", "g0"}), shared, "never: g0 is named twice"},
      {"1/1", model::WantPositions{{0}}, shared, "not now: GPU 0 (g0) is taken"},
      {"1/0 1/0", model::WantPositions{{1, 0}}, shared, "g0 g1"},
      {"1/0", model::WantPositions{{1}}, shared, "never: there is no GPU at position 1"},
      {"1/0", model::WantPositions{{-1}}, shared, "never: there is no GPU at position -1"},
      {"1/0", model::WantPositions{{0, 0}}, shared, "never: position 0 is named twice"},
  });
}

TEST(LeastUsed, AllAndNone) {
  hold({
      {"1/0 2/1", model::WantAll{}, shared, "g0 g1"},
      {"1/0 1/0- 1/0", model::WantAll{}, shared, "g0 g2"},
      {"1/0 1/1", model::WantAll{}, shared, "not now: GPU 1 (g1) is taken"},
      {"", model::WantAll{}, shared, "never: all GPUs were asked for; this machine has none"},
      {"1/1", model::WantNone{}, shared, ""},
      {"", model::WantNone{}, exclusive, ""},
  });
}

TEST(LeastUsed, FreeSlots) {
  model::Gpu gpu{.info = {.id = *model::GpuId::parse("g"), .model = {}, .memory = {}, .minor = {},
                          .pci_bus = {}, .devices = {}, .mounts = {}, .slots = {}},
                 .index = 0, .slots = 3, .label = {}, .present = true};
  GpuUse use{.gpu = &gpu, .leases = 1, .conflicts = 1, .exclusive = false};
  EXPECT_EQ(use.free_slots(), 1);
  use.conflicts = 5;  // an admin lowered the slots, or containers came back
  EXPECT_EQ(use.free_slots(), 0);
  use = {.gpu = &gpu, .leases = 1, .conflicts = 0, .exclusive = true};
  EXPECT_EQ(use.free_slots(), 0);
  gpu.present = false;
  use = {.gpu = &gpu, .leases = 0, .conflicts = 0, .exclusive = false};
  EXPECT_EQ(use.free_slots(), 0);
}

}  // namespace
}  // namespace gpuhub::policy
