// Who is a person, over made-up files of a host.
#include "login/host_people.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <format>
#include <fstream>

namespace gpuhub::login {
namespace {

constexpr auto passwd = R"(root:x:0:0:root:/root:/bin/bash
toor:x:0:0:root:/root:/bin/bash
daemon:x:1:1::/:/usr/sbin/nologin
svc:x:990:990::/:/bin/bash
ana:x:1001:1001:Ana, room 1:/home/ana:/bin/bash
bo:x:1002:1002::/home/bo:
Bo:x:1003:1003::/home/Bo:/bin/zsh
closed:x:1004:1004::/:/usr/sbin/nologin
never:x:1005:1005::/:/bin/false
svc:x:1006:1006::/:/bin/bash
o'brien:x:1007:1007::/:/bin/bash
short:x:1008
nan:x:many:1009::/:/bin/bash
top:x:60000:1::relative:/bin/sh
nobody:x:65534:65534::/:/bin/sh
)";
constexpr auto group = R"(root:x:0:
ana:x:1001:
bo:x:1002:ana
vision:x:2000:ana,bo
robots:x:2001:bo
broken:x:2002
an:x:2003:an,anab
sudo:x:27:ana
)";
constexpr auto shadow = R"(root:*:19000::::::
ana:$y$j9T$x$y:19000:0:99999:7:::
bo:!$y$j9T$x$y:19000:0:99999:7:::
)";

std::filesystem::path new_folder() {
  std::string name = "/tmp/gpuhub-etc-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) std::abort();
  return name;
}

class HostPeopleTest : public ::testing::Test {
 protected:
  HostPeopleTest() {
    write("passwd", passwd);
    write("group", group);
    write("shadow", shadow);
    write("login.defs", "# UID_MIN 5\nUID_MIN\t1000\nUID_MAX 60000 # last\n");
  }
  ~HostPeopleTest() override { std::filesystem::remove_all(etc); }
  // As useradd does it: another file takes the name.
  void write(const std::string& name, const std::string& text) const {
    std::ofstream{etc / "new"} << text;
    std::filesystem::rename(etc / "new", etc / name);
  }
  std::string found(std::string_view typed) {
    const auto account = people.find(typed);
    return account ? account->name : std::string{to_string(account.error().outcome)};
  }
  std::string groups(std::string_view typed) {
    std::string out;
    const auto account = people.find(typed);
    for (const auto& one : account ? account->groups : std::vector<Group>{}) {
      out += std::format("{}={} ", one.name, one.gid);
    }
    return out;
  }

  const std::filesystem::path etc = new_folder();
  HostPeople people{etc};
};

TEST_F(HostPeopleTest, AnExactNameElseItsLowerCase) {
  const std::pair<const char*, const char*> typed[] = {
      {"ana", "ana"}, {" ana ", "ana"}, {"ANA", "ana"}, {"bo", "bo"}, {"Bo", "Bo"}, {"BO", "bo"}};
  for (const auto& [name, means] : typed) EXPECT_EQ(found(name), means) << name;
}

TEST_F(HostPeopleTest, OnlyPeople) {
  EXPECT_EQ(found("top"), "top");  // UID_MAX itself
  for (const auto* name : {"root", "toor", "daemon", "svc", "closed", "never", "nobody", "o'brien",
                           "short", "nan", "", " ", "ghost", "ana\nbo", "../ana", "ana:x", "*"}) {
    EXPECT_EQ(found(name), "not-allowed") << name;
  }
}

TEST_F(HostPeopleTest, TheHostsLimitsCountButNeverLetUid0In) {
  write("login.defs", "UID_MIN 0\nUID_MAX 1001\n");
  EXPECT_EQ(people.find("svc")->uid, 990U);
  for (const auto* name : {"root", "toor", "Bo"}) EXPECT_EQ(found(name), "not-allowed") << name;
  std::filesystem::remove(etc / "login.defs");
  EXPECT_EQ(found("svc"), "not-allowed");
  EXPECT_EQ(found("ana"), "ana");
}

TEST_F(HostPeopleTest, AnAccountIsTakenOverWhereItIsPlain) {
  const auto ana = people.find("ana");
  ASSERT_TRUE(ana) << ana.error().detail;
  EXPECT_EQ(*ana, (Account{.name = "ana", .uid = 1001, .gid = 1001,
                           .groups = {{"ana", 1001}, {"bo", 1002}, {"vision", 2000}, {"sudo", 27}},
                           .home = "/home/ana", .shell = "/bin/bash"}));
  EXPECT_EQ(people.find("top")->home, "");
  write("passwd", "ana:x:1001:1001::/home/a\x1b[2J:/bin/\xff\n");
  EXPECT_EQ(people.find("ana")->home, "");
  EXPECT_EQ(people.find("ana")->shell, "");
}

TEST_F(HostPeopleTest, GroupsWithTheOneOfTheGidFirst) {
  EXPECT_EQ(groups("bo"), "bo=1002 vision=2000 robots=2001 ");
  EXPECT_EQ(groups("Bo"), "=1003 ");  // its group has no entry
  write("passwd", "ana:x:1001:2001::/home/ana:/bin/bash");
  EXPECT_EQ(groups("ana"), "robots=2001 bo=1002 vision=2000 sudo=27 ");
  write("group", "a b:x:3000:ana\na,b:x:3001:ana\n\xff:x:3002:ana\nvision:x:-1:ana\n");
  EXPECT_EQ(groups("ana"), "=2001 a b=3000 =3001 =3002 ");
}

TEST_F(HostPeopleTest, AChangeIsSeenAtOnce) {
  write("passwd", std::string{passwd} + "cy:x:1010:1010::/home/cy:/bin/sh\n");
  EXPECT_EQ(found("cy"), "cy");
  write("passwd", passwd);
  EXPECT_EQ(found("cy"), "not-allowed");
}

TEST_F(HostPeopleTest, ALockedPasswordIsSeen) {
  EXPECT_FALSE(people.is_locked({.name = "ana"}));
  EXPECT_TRUE(people.is_locked({.name = "bo"}));
  EXPECT_TRUE(people.is_locked({.name = "root"}));
  EXPECT_TRUE(people.is_locked({.name = "Bo"}));  // no entry
  std::filesystem::remove(etc / "shadow");
  EXPECT_FALSE(people.is_locked({.name = "bo"}));  // nobody knows
}

TEST_F(HostPeopleTest, FilesThatCannotBeReadAreToldAndNoWayIn) {
  EXPECT_EQ(people.trouble(), std::nullopt);
  std::filesystem::remove(etc / "shadow");
  EXPECT_EQ(people.trouble(), "cannot read " + (etc / "shadow").string() +
                                  ": No such file or directory");
  std::filesystem::remove(etc / "group");
  EXPECT_EQ(found("ana"), "unavailable");
  write("group", group);
  write("passwd", passwd + std::string(HostPeople::file_max, '#'));
  EXPECT_EQ(found("ana"), "unavailable");
  std::filesystem::remove(etc / "passwd");
  ASSERT_EQ(::mkfifo((etc / "passwd").c_str(), 0600), 0);  // would block who opens it to read
  EXPECT_EQ(found("ana"), "not-allowed");
}

}  // namespace
}  // namespace gpuhub::login
