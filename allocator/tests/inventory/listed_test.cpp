#include <gtest/gtest.h>

#include "inventory/double.hpp"
#include "inventory/listed_inventory.hpp"

namespace gpuhub::inventory {
namespace {

model::GpuInfo gpu(const std::string& id) {
  return {.id = *model::GpuId::parse(id), .model = "Card", .memory = {.count = 8}, .minor = {},
          .pci_bus = "", .devices = {}, .mounts = {}, .slots = {}};
}

TEST(Listed, GivesWhatWasListedInItsOrder) {
  const auto inventory = make_listed_inventory({gpu("card-b"), gpu("card-a")});
  ASSERT_TRUE(inventory);
  const auto gpus = (*inventory)->gpus();
  EXPECT_EQ(gpus->at(0).id.str(), "card-b");
  EXPECT_EQ(gpus->at(1).id.str(), "card-a");
  const auto load = (*inventory)->load(*model::GpuId::parse("card-a"));
  EXPECT_FALSE(load->gpu_util_percent || load->memory_util_percent || load->memory_used);
  EXPECT_EQ((*inventory)->load(*model::GpuId::parse("card-c")).error().message,
            "card-c is not listed");
  EXPECT_TRUE((*inventory)->faults(std::chrono::hours(1))->empty()) << "at once: nobody hears any";
}

TEST(Listed, RefusesTwinsAndTooMany) {
  EXPECT_EQ(make_listed_inventory({gpu("a"), gpu("b"), gpu("a")}).error().message,
            "a is listed twice");
  std::vector<model::GpuInfo> many;
  for (std::size_t i = 0; i <= model::gpus_max; ++i) {
    many.push_back(gpu("card-" + std::to_string(i)));
  }
  EXPECT_EQ(make_listed_inventory(many).error().message,
            "16385 GPUs are listed; at most 16384 can be");
  many.pop_back();
  EXPECT_TRUE(make_listed_inventory(many));
  EXPECT_TRUE(make_listed_inventory({})) << "an empty list is a list";
}

TEST(Double, SaysWhatItWasTold) {
  InventoryDouble inventory({gpu("a")});
  const auto id = *model::GpuId::parse("a");
  inventory.set_load(id, {.gpu_util_percent = 7, .memory_util_percent = {}, .memory_used = {}});
  EXPECT_EQ(inventory.load(id)->gpu_util_percent, 7);
  inventory.fail(Error{.kind = ErrorKind::failed, .message = "no"});
  EXPECT_EQ(inventory.gpus().error().message, "no");
  inventory.fail(std::nullopt);
  inventory.set({});
  EXPECT_TRUE(inventory.gpus()->empty());
  EXPECT_EQ(inventory.load(id).error().message, "no GPU a");
}

}  // namespace
}  // namespace gpuhub::inventory
