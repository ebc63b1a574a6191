#include "config/quantity.hpp"

#include <gtest/gtest.h>

#include "config/nearest.hpp"

namespace gpuhub::config {
namespace {

TEST(Quantity, DurationsNeedAWholeNumberAndAUnit) {
  EXPECT_EQ(parse_duration("90s")->count(), 90'000);
  EXPECT_EQ(parse_duration("3m")->count(), 180'000);
  EXPECT_EQ(parse_duration("2h")->count(), 7'200'000);
  EXPECT_EQ(parse_duration("1d")->count(), 86'400'000);
  EXPECT_EQ(parse_duration("250ms")->count(), 250);
  EXPECT_EQ(parse_duration("0s")->count(), 0);
  for (const auto* bad : {"", "s", "90", "90 s", "-1s", "1.5h", "90sec", " 90s", "90s ", "+3s",
                          "99999999999999999999s", "9999999d", "3M"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST(Quantity, SizesAreBinary) {
  EXPECT_EQ(parse_size("8GiB"), 8LL << 30);
  EXPECT_EQ(parse_size("512MiB"), 512LL << 20);
  EXPECT_EQ(parse_size("1B"), 1);
  for (const auto* bad : {"8GB", "8G", "8", "GiB", "1.5GiB", "-1GiB", "99999999TiB", "8 GiB"}) {
    EXPECT_FALSE(parse_size(bad)) << bad;
  }
}

TEST(Nearest, OffersOnlyWhatIsClose) {
  const std::set<std::string> known{"slots", "source", "policy"};
  EXPECT_EQ(nearest("slotz", known), "slots");
  EXPECT_EQ(nearest("Slots", known), "slots");
  EXPECT_EQ(nearest("sorce", known), "source");
  EXPECT_EQ(nearest("temperature", known), std::nullopt);
  EXPECT_EQ(nearest("x", {}), std::nullopt);
}

}  // namespace
}  // namespace gpuhub::config
