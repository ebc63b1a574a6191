#include "inventory/xid.hpp"

#include <gtest/gtest.h>

namespace gpuhub::inventory {
namespace {

TEST(Xid, OfTheApplicationAreThese) {
  std::string own;
  for (std::uint64_t xid = 0; xid < 1000; ++xid) {
    if (application_xid(xid)) own += std::to_string(xid) + " ";
  }
  EXPECT_EQ(own, "13 14 31 43 45 68 106 107 109 137 ");
}

TEST(Xid, IsBelievedWhereItCanBe) {
  EXPECT_EQ(believable_xid(0), std::nullopt);
  EXPECT_EQ(believable_xid(1), 1);
  EXPECT_EQ(believable_xid(9999), 9999);
  EXPECT_EQ(believable_xid(10000), std::nullopt);
  EXPECT_EQ(believable_xid(~std::uint64_t{0}), std::nullopt);
}

TEST(Xid, HasWordsForPeople) {
  EXPECT_EQ(describe_xid(79),
            "XID 79: the GPU has fallen off the bus; the machine needs a restart");
  EXPECT_EQ(describe_xid(999), "XID 999: NVML does not know which");
  EXPECT_EQ(describe_xid(1234), "XID 1234");
  for (std::uint64_t xid = 0; xid < 2000; ++xid) EXPECT_LE(describe_xid(xid).size(), 200U);
}

}  // namespace
}  // namespace gpuhub::inventory
