#include "bench/base64.hpp"

#include <gtest/gtest.h>

namespace gpuhub::bench {
namespace {

TEST(Base64, WritesEveryLengthOfTheLastGroup) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("g"), "Zw==");
  EXPECT_EQ(base64("gp"), "Z3A=");
  EXPECT_EQ(base64("gpu"), "Z3B1");
  EXPECT_EQ(base64("gpu/0"), "Z3B1LzA=");
}

TEST(Base64, ReadsBackWhatItWrote) {
  std::string all;
  for (int c = 0; c < 256; ++c) {
    all += static_cast<char>(c);
    EXPECT_EQ(unbase64(base64(all)), all);
  }
}

TEST(Base64, StopsAtWhatIsNone) { EXPECT_EQ(unbase64("Zw==\"garbage"), "g"); }

}  // namespace
}  // namespace gpuhub::bench
