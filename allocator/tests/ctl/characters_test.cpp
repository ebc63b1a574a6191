#include "ctl/characters.hpp"

#include <gtest/gtest.h>

namespace gpuhub::ctl {
namespace {

using namespace std::string_literals;

TEST(Characters, WhatCouldMoveACursorIsNotPrinted) {
  EXPECT_EQ(printable("jörg 東京 🙂"), "jörg 東京 🙂");
  EXPECT_EQ(printable("a\x1b[2Jb\r\n\t\x7f"), "a?[2Jb????");
  EXPECT_EQ(printable("nul\0end"s), "nul?end");
  EXPECT_EQ(printable("csi \xc2\x9b!"), "csi ?!");            // U+009B, a one-character CSI
  EXPECT_EQ(printable("\xe2\x80\xae" "evil"), "?evil");       // U+202E turns the line around
  EXPECT_EQ(printable("a\xe2\x80\xa8z"), "a?z");              // U+2028 ends it
}

TEST(Characters, WhatIsNotUtf8IsNotPrinted) {
  EXPECT_EQ(printable("\xff" "a\x80"), "?a?");
  EXPECT_EQ(printable("cut \xe6\x9d"), "cut ??");
  EXPECT_EQ(printable("\xc0\x9b"), "??");                     // ESC in a longer form
  EXPECT_EQ(printable("\xe0\x82\x9b"), "???");
  EXPECT_EQ(printable("\xed\xa0\x80"), "???");                // half of a pair
  EXPECT_EQ(printable("\xf5\x80\x80\x80"), "????");
}

TEST(Characters, JsonLosesNothing) {
  EXPECT_EQ(printable_json(R"({"a":"ö\n"})"), R"({"a":"ö\n"})");
  EXPECT_EQ(printable_json("\"\x7f\xc2\x9b\xe2\x80\xae\""), R"("\u007f\u009b\u202e")");
  EXPECT_EQ(printable_json("\"\xf3\xa0\x81\x81\""), R"("\udb40\udc41")");  // U+E0041, a hidden tag
}

TEST(Characters, ColumnsAreWhatATerminalTakes) {
  EXPECT_EQ(columns(""), 0U);
  EXPECT_EQ(columns("jörg"), 4U);
  EXPECT_EQ(columns("jo\xcc\x88rg"), 4U);  // o and a combining diaeresis
  EXPECT_EQ(columns("東京"), 4U);
  EXPECT_EQ(columns("🙂"), 2U);
}

}  // namespace
}  // namespace gpuhub::ctl
