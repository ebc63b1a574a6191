#include "http/message.hpp"

#include <gtest/gtest.h>

namespace gpuhub::http {
namespace {

// The target as one line, or "-" if it is refused.
std::string show(std::string_view raw) {
  const auto target = parse_target(raw);
  if (!target) return "-";
  std::string text = target->path + " :";
  for (const auto& segment : target->segments) text += " " + segment;
  for (const auto& [key, value] : target->query) text += " [" + key + "=" + value + "]";
  return text;
}

TEST(Target, IsTakenApart) {
  EXPECT_EQ(show("/"), "/ :");
  EXPECT_EQ(show("/v1/leases"), "/v1/leases : v1 leases");
  EXPECT_EQ(show("/v1/leases/"), "/v1/leases : v1 leases");
  EXPECT_EQ(show("/v1/gpus/GPU-1?a=b&c&d="), "/v1/gpus/GPU-1 : v1 gpus GPU-1 [a=b] [c=] [d=]");
  EXPECT_EQ(show("/a?x=1&x=2"), "/a : a [x=1] [x=2]");
}

TEST(Target, IsDecodedOnce) {
  EXPECT_EQ(show("/a%2Fb/%2541"), "/a/b/%41 : a/b %41");
  EXPECT_EQ(show("/a?user=j%C3%B6rg+x%2B"), "/a : a [user=jörg x+]");
  EXPECT_EQ(show("/a+b"), "/a+b : a+b");
}

TEST(Target, IsRefusedWhenTwoReadersCouldDiffer) {
  for (const char* raw : {"", "a", "*", "http://x/a", "/a#b", "/%", "/%4", "/%zz", "/a/../b", "/.",
                          "/%2e%2e/a", "/a%00", "/a%0ab", "/a?b=%0d"}) {
    EXPECT_EQ(show(raw), "-") << raw;
  }
}

TEST(Headers, AreFoundByLowerCaseName) {
  const Headers headers{{"accept", "a"}, {"x", "1"}, {"x", "2"}};
  EXPECT_EQ(find_header(headers, "x"), "1");
  EXPECT_EQ(find_header(headers, "y"), std::nullopt);
}

}  // namespace
}  // namespace gpuhub::http
