#include "model/shared_name.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace gpuhub::model {
namespace {

TEST(SharedName, HoldsWhatItWasMadeOf) {
  using namespace std::string_view_literals;
  for (const auto text : {""sv, "a"sv, "L-5f2c7a0e4c1b4b8d-1234567890"sv, "with\0nul"sv}) {
    const SharedName name{text};
    EXPECT_EQ(name.text(), text);
    EXPECT_EQ(name.hash(), std::hash<std::string_view>{}(text));
  }
}

TEST(SharedName, CopiesShareTheTextAndOutliveEachOther) {
  auto first = std::make_unique<SharedName>("a name that is not short");
  const SharedName copy{*first};
  EXPECT_EQ(copy.text().data(), first->text().data());
  SharedName taken{std::move(*first)};
  first.reset();
  EXPECT_EQ(taken.text(), "a name that is not short");
  taken = SharedName{"another"};
  EXPECT_EQ(copy.text(), "a name that is not short");
  taken = copy;
  auto& same = taken;
  taken = same;
  EXPECT_EQ(taken.text().data(), copy.text().data());
}

TEST(SharedName, IsEqualByItsText) {
  EXPECT_EQ(SharedName{"a"}, SharedName{std::string{"a"}});
  EXPECT_FALSE(SharedName{"a"} == SharedName{"b"});
  EXPECT_FALSE(SharedName{"a"} == SharedName{"aa"});
}

TEST(SharedName, IsCountedByManyThreads) {
  const SharedName name{"shared"};
  std::vector<std::jthread> threads;
  for (int n = 0; n < 4; ++n) {
    threads.emplace_back([name] {
      for (int i = 0; i < 10'000; ++i) {
        const SharedName copy{name};
        ASSERT_EQ(copy.text(), "shared");
      }
    });
  }
}

}  // namespace
}  // namespace gpuhub::model
