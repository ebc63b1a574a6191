// Room under policy least_used as tables: a machine in a few characters, a request, what is picked
// or why not.
#include <format>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "policy/least_used.hpp"
#include "policy/room.hpp"

namespace gpuhub::policy {
namespace {

using enum model::Mode;

// GPUs in index order, a word each: SLOTS/LEASES, then `x` held alone, `c` a conflict, `f` foreign
// use, `d` drained, `!` faulty, `-` absent.
class Machine {
 public:
  explicit Machine(const std::string& text) {
    std::istringstream words{text};
    std::vector<std::string> all;
    std::vector<model::Gpu> gpus;
    for (std::string word; words >> word;) {
      gpus.push_back(gpu(word, static_cast<int>(all.size())));
      all.push_back(word);
    }
    room.set_gpus(gpus);
    for (std::size_t i = 0; i < all.size(); ++i) fill(gpus.at(i).info.id, all.at(i));
  }
  std::string pick(const model::Want& want, model::Mode mode) const {
    const auto picked = room.place(want, mode);
    if (!picked) {
      const bool never = picked.error().why == WhyNot::never;
      return (never ? "never: " : "not now: ") + picked.error().detail;
    }
    std::string ids;
    for (const auto& id : *picked) ids += (ids.empty() ? "" : " ") + std::string{id.str()};
    return ids;
  }

  LeastUsed policy;
  Room room{policy, true};

 private:
  static model::Gpu gpu(const std::string& word, int index) {
    model::Gpu made{.info = {.id = *model::GpuId::parse(std::format("g{}", index)), .model = {},
                             .memory = {}, .minor = {}, .pci_bus = {}, .devices = {}, .mounts = {},
                             .slots = {}},
                    .index = index, .slots = std::stoi(word.substr(0, word.find('/'))),
                    .label = {}, .present = !word.contains('-'), .drained = word.contains('d'),
                    .fault = {}};
    if (word.contains('!')) {
      made.fault = {.fault = {model::FaultKind::xid, 79, "XID 79"}, .since = {}, .clears_at = {}};
    }
    return made;
  }
  void fill(const model::GpuId& id, const std::string& word) {
    const int leases = word.at(word.find('/') + 1) - '0';
    for (int n = 0; n < leases; ++n) room.take(id, word.contains('x') ? exclusive : shared);
    if (word.contains('c')) room.add_conflict(id, 1);
    if (word.contains('f')) room.add_foreign(id, 1);
  }
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

TEST(Room, CountTakesTheLowestUsePerSlot) {
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

TEST(Room, CountThatDoesNotFit) {
  hold({
      {"1/1", model::WantCount{1}, shared, "not now: 0 of 1 GPUs are free; 1 was asked for"},
      {"1/1 1/0", model::WantCount{2}, shared, "not now: 1 of 2 GPUs is free; 2 were asked for"},
      {"2/1x 1/1", model::WantCount{1}, shared, "not now: 0 of 2 GPUs are free; 1 was asked for"},
      {"1/0c", model::WantCount{1}, shared, "not now: 0 of 1 GPUs are free; 1 was asked for"},
      {"1/3", model::WantCount{1}, shared, "not now: 0 of 1 GPUs are free; 1 was asked for"},
      {"1/0 1/0", model::WantCount{3}, shared, "never: 3 GPUs were asked for; this machine has 2"},
      {"1/0! 1/0d 1/0f", model::WantCount{1}, shared,
       "not now: 0 of 3 GPUs are free; 1 was asked for"},
      {"1/0-!", model::WantCount{1}, shared, "not now: 0 of 1 GPUs are free; 1 was asked for"},
      {"1/0-", model::WantCount{1}, shared, "never: 1 GPUs were asked for; this machine has 0"},
      {"", model::WantCount{1}, shared, "never: 1 GPUs were asked for; this machine has 0"},
  });
}

TEST(Room, ExclusiveNeedsAGpuThatNobodyUses) {
  hold({
      {"2/1 2/0", model::WantCount{1}, exclusive, "g1"},
      {"4/0c 1/0", model::WantCount{1}, exclusive, "g1"},
      {"2/1 2/0", model::WantCount{2}, exclusive, "not now: 1 of 2 GPUs is free; 2 were asked for"},
      {"2/1x", model::WantCount{1}, exclusive, "not now: 0 of 1 GPUs are free; 1 was asked for"},
      {"64/0", model::WantAll{}, exclusive, "g0"},
  });
}

TEST(Room, NamedGpusAllOrNothing) {
  hold({
      {"1/0 1/0 1/0", named({"g2", "g0"}), shared, "g0 g2"},
      {"2/1 2/2", named({"g0"}), shared, "g0"},
      {"2/1 2/2", named({"g0", "g1"}), shared, "not now: GPU 1 (g1) is taken"},
      {"2/1", named({"g0"}), exclusive, "not now: GPU 0 (g0) is taken"},
      {"1/0", named({"g7"}), shared, "never: there is no GPU g7 here"},
      {"1/0-", named({"g0"}), shared, "never: there is no GPU g0 here"},
      {"1/0-!", named({"g0"}), shared, "not now: GPU 0 (g0) is missing"},
      {"1/0!", named({"g0"}), shared, "not now: GPU 0 (g0) is out of service: XID 79"},
      {"1/0d", named({"g0"}), shared,
       "not now: GPU 0 (g0) takes no new leases: it is being drained"},
      {"1/0f", named({"g0"}), shared,
       "not now: GPU 0 (g0) is used by a container without a lease"},
      {"1/0", named({"g0", "g0"}), shared, "never: g0 is named twice"},
      {"1/1", model::WantPositions{{0}}, shared, "not now: GPU 0 (g0) is taken"},
      {"1/0 1/0", model::WantPositions{{1, 0}}, shared, "g0 g1"},
      {"1/0", model::WantPositions{{1}}, shared, "never: there is no GPU at position 1"},
      {"1/0", model::WantPositions{{-1}}, shared, "never: there is no GPU at position -1"},
      {"1/0", model::WantPositions{{0, 0}}, shared, "never: position 0 is named twice"},
  });
}

TEST(Room, AllAndNone) {
  hold({
      {"1/0 2/1", model::WantAll{}, shared, "g0 g1"},
      {"1/0 1/0- 1/0", model::WantAll{}, shared, "g0 g2"},
      {"1/0 1/1", model::WantAll{}, shared, "not now: GPU 1 (g1) is taken"},
      {"1/0 1/0d", model::WantAll{}, shared, "g0"},        // all that are in service
      {"1/0d", model::WantAll{}, shared, "not now: all GPUs were asked for; none is in service"},
      {"", model::WantAll{}, shared, "never: all GPUs were asked for; this machine has none"},
      {"1/1", model::WantNone{}, shared, ""},
      {"", model::WantNone{}, exclusive, ""},
  });
}

TEST(Room, FreeSlots) {
  model::Gpu gpu{.info = {.id = *model::GpuId::parse("g"), .model = {}, .memory = {}, .minor = {},
                          .pci_bus = {}, .devices = {}, .mounts = {}, .slots = {}},
                 .index = 0, .slots = 3, .label = {}, .present = true, .drained = false,
                 .fault = {}};
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

TEST(Room, WhatAGpuCarriesStaysWithItsIdWhenTheMachineChanges) {
  Machine machine{"2/1 2/2"};
  std::vector<model::Gpu> swapped{*machine.room.gpus()[1].gpu, *machine.room.gpus()[0].gpu};
  swapped.front().index = 0;
  swapped.back().index = 1;
  machine.room.set_gpus(swapped);
  EXPECT_EQ(machine.pick(model::WantCount{1}, shared), "g0");
  EXPECT_EQ(machine.pick(model::WantPositions{{0}}, shared), "not now: GPU 0 (g1) is taken");
}

TEST(Room, AForeignUseThatOnlyCountsKeepsNobodyAway) {
  const LeastUsed policy;
  Room room{policy, false};
  room.set_gpus({*Machine{"1/0"}.room.gpus()[0].gpu});
  room.add_foreign(*model::GpuId::parse("g0"), 1);
  EXPECT_TRUE(room.place(model::WantCount{1}, shared).has_value());
}

// What is left for those who come later while places are kept.
struct KeptRow {
  const char* machine;
  model::Want kept_for;
  model::Mode kept_mode;
  model::Want want;
  model::Mode mode;
  const char* answer;
};

TEST(Room, WhoComesLaterDelaysNobodyForWhomPlacesAreKept) {
  const std::vector<KeptRow> rows{
      {"1/0 1/1", model::WantCount{2}, shared, model::WantCount{1}, shared,
       "not now: 0 of 2 GPUs are free; 1 was asked for"},
      {"1/0 1/0 1/1", model::WantGpus{named({"g0", "g2"})}, shared, model::WantCount{1}, shared,
       "g1"},
      {"2/0 2/2", model::WantCount{2}, shared, model::WantCount{1}, shared, "g0"},  // one is left
      {"2/1 2/2", model::WantCount{2}, shared, model::WantCount{1}, shared,
       "not now: 0 of 2 GPUs are free; 1 was asked for"},
      {"2/1 2/1", model::WantCount{1}, exclusive, model::WantCount{1}, shared, "g1"},
      {"2/1 2/2 2/0x", model::WantCount{1}, exclusive, model::WantCount{1}, shared, "g0"},
      {"2/1 2/1", model::WantAll{}, exclusive, model::WantCount{1}, shared,
       "not now: 0 of 2 GPUs are free; 1 was asked for"},
      // One that could not start however many end keeps nothing.
      {"1/0 1/0d", model::WantGpus{named({"g0", "g1"})}, shared, model::WantCount{1}, shared, "g0"},
      {"1/0 1/0d", model::WantCount{2}, shared, model::WantCount{1}, shared, "g0"},
  };
  for (const auto& row : rows) {
    Machine machine{row.machine};
    machine.room.reserve(row.kept_for, row.kept_mode);
    EXPECT_EQ(machine.pick(row.want, row.mode), row.answer) << row.machine;
    machine.room.clear_reserved();
    EXPECT_EQ(machine.pick(row.want, row.mode), Machine{row.machine}.pick(row.want, row.mode));
  }
}

}  // namespace
}  // namespace gpuhub::policy
