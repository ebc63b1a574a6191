#include "inventory/nvml_roster.hpp"

#include <gtest/gtest.h>

#include <format>

namespace gpuhub::inventory {
namespace {

model::GpuId id(const std::string& name) { return *model::GpuId::parse(name); }
model::GpuInfo gpu(const std::string& name) {
  return {.id = id(name), .model = "Card", .memory = {.count = 8}, .minor = {}, .pci_bus = "",
          .devices = {}, .mounts = {}, .slots = {}};
}

struct Roster : testing::Test {
  // "a here | b lost | c missing"
  std::string show() const {
    std::string line;
    for (const auto& one : roster.entries()) {
      constexpr const char* words[]{"here", "lost", "missing"};
      line += std::format("{}{} {}", line.empty() ? "" : " | ", one.info.id.str(),
                          words[static_cast<int>(one.state)]);
    }
    return line;
  }
  void list(std::initializer_list<const char*> names) {
    roster.begin();
    unsigned index = 0;
    for (const auto* name : names) {
      roster.here(gpu(name), index, &handles[index]);
      ++index;
    }
    roster.end();
  }
  NvmlRoster roster;
  int handles[8]{};
};

TEST_F(Roster, FollowsTheLists) {
  list({"a", "b", "c"});
  EXPECT_EQ(show(), "a here | b here | c here");
  EXPECT_FALSE(roster.troubled());
  list({"c", "a"});
  EXPECT_EQ(show(), "c here | a here | b missing");
  EXPECT_TRUE(roster.troubled());
  EXPECT_EQ(roster.counted().size(), 2U);
  EXPECT_EQ(roster.by_device(&handles[0])->info.id, id("c"));
  EXPECT_EQ(roster.by_device(&handles[2]), nullptr);
  EXPECT_EQ(roster.by_device(nullptr), nullptr);
  list({"a", "b", "c"});
  EXPECT_EQ(show(), "a here | b here | c here");
}

TEST_F(Roster, TellsALossOncePerLook) {
  list({"a", "b"});
  roster.found_lost(id("b"), "first");
  roster.found_lost(id("b"), "second");
  roster.found_lost(id("x"), "unknown");
  const auto told = roster.take_lost();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].second.detail, "second");
  EXPECT_TRUE(roster.take_lost().empty());
  list({"a"});
  roster.found_lost(id("b"), "missing by now");
  EXPECT_EQ(show(), "a here | b missing");
  EXPECT_TRUE(roster.take_lost().empty());
}

TEST_F(Roster, KeepsDetailsShort) {
  list({"a", "b"});
  roster.found_lost(id("b"), std::string(500, 'x') + "\n");
  EXPECT_EQ(roster.take_lost()[0].second.detail, std::string(200, 'x'));
}

TEST_F(Roster, AllLostIsNoCardsFault) {
  list({"a", "b"});
  roster.found_lost(id("a"), "");
  EXPECT_FALSE(roster.all_lost());
  roster.found_lost(id("b"), "");
  EXPECT_TRUE(roster.all_lost());
  EXPECT_TRUE(roster.take_lost().empty());
  list({"a", "b"});
  EXPECT_FALSE(roster.all_lost());
  EXPECT_TRUE(roster.take_lost().empty()) << "what was not told is over";
  list({"a"});
  roster.found_lost(id("a"), "");
  EXPECT_FALSE(roster.all_lost()) << "of one nobody can tell";
  EXPECT_EQ(roster.take_lost().size(), 1U);
}

TEST_F(Roster, AHandleIsOfOneGpu) {
  list({"a", "b"});
  roster.begin();
  roster.here(gpu("b"), 0, &handles[0]);
  roster.lost(id("a"), 1, "fell");
  roster.end();
  EXPECT_EQ(show(), "b here | a lost");
  EXPECT_EQ(roster.by_device(&handles[0])->info.id, id("b"));
  EXPECT_EQ(roster.by_device(&handles[1]), nullptr);
}

TEST_F(Roster, ForgetsHandles) {
  list({"a", "b"});
  EXPECT_EQ(roster.devices_here().size(), 2U);
  roster.forget_handles();
  EXPECT_TRUE(roster.devices_here().empty());
  EXPECT_EQ(show(), "a here | b here");
}

TEST_F(Roster, DoesNotGrowWithoutEnd) {
  for (int round = 0; round < 1000; ++round) {
    const auto name = std::format("gpu{}", round);
    list({name.c_str()});
  }
  EXPECT_EQ(roster.entries().size(), 256U);
  EXPECT_EQ(roster.entries().front().info.id, id("gpu999"));
}

}  // namespace
}  // namespace gpuhub::inventory
