#include "ctl/table.hpp"

#include <gtest/gtest.h>

namespace gpuhub::ctl {
namespace {

TEST(Table, ColumnsAreAlignedByWhatIsSeen) {
  EXPECT_EQ(table({"A", "NAME", "LAST"}, {{"1", "jörg", "x"}, {"22", "東", ""}, {"3", "bo", "y z"}}),
            "A   NAME  LAST\n"
            "1   jörg  x\n"
            "22  東\n"
            "3   bo    y z\n");
  EXPECT_EQ(table({"A", "B"}, {}), "A  B\n");
}

TEST(Table, ACellNeverBreaksItsLine) {
  EXPECT_EQ(table({"A", "B"}, {{"x\ny", "\x1b[31m"}}),
            "A    B\n"
            "x?y  ?[31m\n");
}

TEST(Table, FieldsHaveNoHead) {
  EXPECT_EQ(fields({{"lease", "L-1"}, {"gpu", "0"}}), "lease  L-1\ngpu    0\n");
  EXPECT_EQ(fields({}), "");
}

}  // namespace
}  // namespace gpuhub::ctl
