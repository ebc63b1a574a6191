#include "processes/proc_text.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <format>
#include <string>

namespace gpuhub::processes {
namespace {

const std::string a(64, 'a');
const std::string b(64, 'b');

// "a b": the first letters of the ids, in order.
std::string seen(const std::string& cgroup) {
  std::string out;
  for (const auto& id : parse_containers(cgroup)) {
    out += std::format("{}{}", out.empty() ? "" : " ", id.str()[0]);
  }
  return out;
}

TEST(ParseContainers, KnowsTheEnginesNames) {
  const struct {
    const char* what;
    std::string text, containers;
  } table[] = {
      {"v1, cgroupfs", "12:pids:/docker/" + a + "\n1:name=systemd:/docker/" + a + "\n", "a"},
      {"v1, systemd", "9:memory:/system.slice/docker-" + a + ".scope\n", "a"},
      {"v2, cgroupfs", "0::/docker/" + a + "\n", "a"},
      {"v2, systemd", "0::/system.slice/docker-" + a + ".scope\n", "a"},
      {"v2, no newline", "0::/system.slice/docker-" + a + ".scope", "a"},
      {"a folder below", "0::/system.slice/docker-" + a + ".scope/init.scope\n", "a"},
      {"a cgroup parent", "0::/lab.slice/gpus/" + a + "\n", "a"},
      {"from another namespace, cgroupfs", "0::/../" + a + "\n", "a"},
      {"from another namespace, systemd", "0::/../../system.slice/docker-" + a + ".scope\n", "a"},
      {"from another namespace, itself", "0::/\n", ""},
      {"a user's session", "0::/user.slice/user-1000.slice/session-2.scope\n", ""},
      {"an engine in a container", "0::/docker/" + b + "/docker/" + a + "\n", "b a"},
      {"the same, systemd", "0::/system.slice/docker-" + b + ".scope/docker/" + a + "\n", "b a"},
      {"the same id twice", "0::/docker/" + a + "/" + a + "\n", "a"},
      {"v1, most hierarchies tell nothing",
       "3:rdma:/\n2:cpu,cpuacct:/docker/" + b + "/docker/" + a + "\n1:name=systemd:/docker/" + b +
           "\n0::/\n", "b a"},
      {"colons in the path", "1:name=systemd:/a:b/docker/" + a + "\n", "a"},
      {"nothing", "", ""},
      {"no colons", a, ""},
      {"one colon", "0:" + a, ""}};
  for (const auto& row : table) EXPECT_EQ(seen(row.text), row.containers) << row.what;
}

TEST(ParseContainers, TakesNothingElseForAnId) {
  std::string large = a;
  large[0] = 'A';
  for (const auto& name :
       {a.substr(1), a + "a", large, "docker-" + a, a + ".scope", "docker-" + a + ".slice",
        "libpod-" + a + ".scope", "docker-" + a.substr(1) + ".scope", std::string(64, 'g'),
        "docker-" + a + ".scope.scope", "docker--" + a + ".scope"}) {
    EXPECT_EQ(seen("0::/system.slice/" + name + "\n"), "") << name;
  }
}

TEST(ParseContainers, GivesBoundedAnswers) {
  std::string deep = "0::";
  for (int i = 0; i < 100; ++i) deep += std::format("/{:064x}", i);
  EXPECT_EQ(parse_containers(deep).size(), 8U);
  EXPECT_EQ(parse_containers(deep).front().str(), std::string(64, '0'));
}

std::string stat_of(const std::string& name, const std::string& started) {
  return "42 (" + name + ") S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 " + started +
         " 10000 200 18446744073709551615\n";
}

TEST(ParseStarted, FindsItBehindAnyName) {
  for (const auto* name : {"python3", "a b", "a) S 1 2 (b", ")", "", "\n) R 9", "((("}) {
    EXPECT_EQ(parse_started(stat_of(name, "987654")), 987654U) << name;
  }
  EXPECT_EQ(parse_started(stat_of("x", "18446744073709551615")), ~0ULL);
}

TEST(ParseStarted, GivesNothingForWhatIsNoStat) {
  for (const auto& text : {std::string(), std::string("42"), std::string("42 (x)"),
                           std::string("42 (x) "), std::string("42 (x) S 1 2 3"),
                           stat_of("x", "-1"), stat_of("x", ""), stat_of("x", "12x"),
                           stat_of("x", "99999999999999999999999")}) {
    EXPECT_EQ(parse_started(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace gpuhub::processes
