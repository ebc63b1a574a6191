#include "api/json_reader.hpp"

#include <gtest/gtest.h>

namespace gpuhub::api {
namespace {

// "good", or where and what is wrong.
std::string parse(std::string_view text) {
  const auto value = parse_json(text);
  return value ? "good" : value.error().pointer + ": " + value.error().what;
}

TEST(Json, OneDocumentAndNothingElse) {
  EXPECT_EQ(parse("{}"), "good");
  EXPECT_EQ(parse(" [1, 2] \n"), "good");
  EXPECT_EQ(parse(""), ": a JSON body is missing");
  for (const auto* bad : {"{", "{} x", "{}{}", "{'a':1}", "{\"a\":1,}", "// c\n{}", "nul", "\"a",
                          "\x00", "{\"a\":01}", "\"\xff\"", "\"\\ud800\"", "NaN"}) {
    EXPECT_TRUE(parse(bad).starts_with(": ")) << bad << " -> " << parse(bad);
  }
}

TEST(Json, MembersNamedTwiceAreRefusedWhereverTheyStand) {
  EXPECT_EQ(parse(R"({"a":1,"a":2})"), "/a: stands there twice");
  EXPECT_EQ(parse(R"({"a":{"b":[{"c":1,"\u0063":2}]}})"), "/a/b/-/c: stands there twice");
  EXPECT_EQ(parse(R"({"a/b":1,"a/b":2})"), "/a~1b: stands there twice");
  EXPECT_EQ(parse(R"({"a":{"x":1},"b":{"x":1}})"), "good");
  EXPECT_EQ(parse(R"({"a":1,"A":2})"), "good");
}

TEST(Json, DepthIsBounded) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_TRUE(parse(deep).starts_with(": not JSON")) << parse(deep).substr(0, 80);
  EXPECT_EQ(parse("[[[[[[[[[[]]]]]]]]]]"), "good");
}

struct Fixture {
  boost::json::value value;
  JsonFaults faults;
  explicit Fixture(std::string_view text) : value(*parse_json(text)) {}
  std::string told() const {
    std::string out;
    for (const JsonFault& fault : faults) out += fault.pointer + ": " + fault.what + "\n";
    return out;
  }
};
constexpr Rule any{[](std::string_view) { return true; }, "anything"};
constexpr Rule none{[](std::string_view) { return false; }, "nothing"};

TEST(Object, EachFaultIsNamedByAPointer) {
  Fixture f{R"({"t":1,"r":"x","n":"1","big":99,"f":1.0,"h":18446744073709551615,"l":["a",2,"a"],
                "i":[1,-1,1],"b":false,"o":[],"~/":0})"};
  Object top{f.value, "", f.faults};
  EXPECT_FALSE(top.text("t", Need::required, any));
  EXPECT_FALSE(top.text("r", Need::required, none));
  EXPECT_FALSE(top.text("gone", Need::required, any));
  EXPECT_FALSE(top.text("absent", Need::optional, any));
  EXPECT_FALSE(top.integer("n", Need::required, 0, 9));
  EXPECT_FALSE(top.integer("big", Need::required, 0, 9));
  EXPECT_FALSE(top.integer("f", Need::required, 0, 9));
  EXPECT_FALSE(top.integer("h", Need::required, 0, 9));
  EXPECT_FALSE(top.texts("l", Need::required, any));
  EXPECT_FALSE(top.integers("i", Need::required, 0, 9));
  EXPECT_FALSE(top.truth("b"));
  EXPECT_TRUE(top.object("o", Need::required));
  top.finish();
  EXPECT_EQ(f.told(),
            "/t: expected a string, not a whole number\n"
            "/r: not allowed; allowed: nothing\n"
            "/gone: missing\n"
            "/n: expected a whole number, not a string\n"
            "/big: out of range; allowed: 0 to 9\n"
            "/f: expected a whole number, not a number with a fraction or exponent\n"
            "/h: out of range; allowed: 0 to 9\n"
            "/l/1: expected a string, not a whole number\n"
            "/l/2: stands there twice\n"
            "/i/1: expected a whole number from 0 to 9\n"
            "/i/2: stands there twice\n"
            "/b: expected true, or leave it out\n"
            "/o: expected an object, not an array\n"
            "/~0~1: unknown field; allowed: absent, b, big, f, gone, h, i, l, n, o, r, t\n");
}

TEST(Object, ManyFaultsAreCutOff) {
  std::string text = "{";
  for (int i = 0; i < 100; ++i) text += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":0";
  Fixture f{text + "}"};
  Object{f.value, "", f.faults}.finish();
  EXPECT_EQ(f.faults.size(), faults_max);
}

}  // namespace
}  // namespace gpuhub::api
