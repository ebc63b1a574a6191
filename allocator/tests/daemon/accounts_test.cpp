// Accounts over made-up passwd files, and the folder of the people's socket.
#include "daemon/accounts.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "daemon/local_directory.hpp"

namespace gpuhub::daemon {
namespace {

std::filesystem::path new_folder() {
  std::string name = "/tmp/gpuhub-accounts-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) std::abort();
  return name;
}

class AccountsTest : public ::testing::Test {
 protected:
  ~AccountsTest() override { std::filesystem::remove_all(folder); }
  // As useradd does it: another file takes the name.
  void write(const std::string& text) const {
    std::ofstream{folder / "new"} << text;
    std::filesystem::rename(folder / "new", folder / "passwd");
  }
  std::string path() const { return folder / "passwd"; }

  const std::filesystem::path folder = new_folder();
  Accounts accounts{path()};
};

std::string line(const std::string& name, const std::string& uid) {
  return name + ":x:" + uid + ":100:Ana, room 1:/home/ana:/bin/bash\n";
}

TEST_F(AccountsTest, NamesAreThoseOfTheFile) {
  write(line("root", "0") + line("ana", "1000") + line("bo.b_c-d", "1001") +
        line("gpu1$", "1002") + "cy:x:1003:100:::");
  EXPECT_EQ(accounts.name_of(0), "root");
  EXPECT_EQ(accounts.name_of(1000), "ana");
  EXPECT_EQ(accounts.name_of(1001), "bo.b_c-d");
  EXPECT_EQ(accounts.name_of(1002), "gpu1$");
  EXPECT_EQ(accounts.name_of(1003), "cy");  // the last line lacks its end
  EXPECT_EQ(accounts.name_of(1004), "uid-1004");
  EXPECT_EQ(accounts.name_of(4294967295U), "uid-4294967295");
}

TEST_F(AccountsTest, AChangeIsSeenAtOnce) {
  EXPECT_EQ(accounts.name_of(1000), "uid-1000");  // no file yet
  write(line("ana", "1000"));
  EXPECT_EQ(accounts.name_of(1000), "ana");
  write(line("bo", "1000"));  // as long as the one before
  EXPECT_EQ(accounts.name_of(1000), "bo");
  std::ofstream{path(), std::ios::app} << line("cy", "1001");  // in place
  EXPECT_EQ(accounts.name_of(1001), "cy");
  std::filesystem::remove(path());
  EXPECT_EQ(accounts.name_of(1000), "uid-1000");
}

TEST_F(AccountsTest, TheFirstOfTwoWithOneUidCounts) {
  write(line("ana", "1000") + line("bo", "1000") + line("a b", "1001") + line("cy", "1001"));
  EXPECT_EQ(accounts.name_of(1000), "ana");
  EXPECT_EQ(accounts.name_of(1001), "uid-1001");  // not the second one's
}

TEST_F(AccountsTest, LinesOfAnotherFormAreNone) {
  write("# accounts\n\n:::::::\n+::::::\nana:x:1000:100:::\nbo:x:1001:100::/home/bo\n" +
        line("cy", "1002x") + line("di", "-3") + line("ed", "") + line("fi", "99999999999") +
        "gu:x:1003:100:::/bin/sh:more\n" + "ha:x:1004:users:::/bin/sh\n");
  EXPECT_EQ(accounts.name_of(1000), "ana");
  for (const std::uint32_t uid : {0U, 3U, 1001U, 1002U, 1003U, 1004U}) {
    EXPECT_EQ(accounts.name_of(uid), "uid-" + std::to_string(uid));
  }
}

TEST_F(AccountsTest, NamesThatCouldFoolSomebodyAreNotShown) {
  const std::string longest(Accounts::name_max, 'a');
  for (const auto* good : {"a", "Ana", "_apt", "ana@corp.example", "3d", "uid-x", "uid-", "x$"}) {
    EXPECT_TRUE(is_account_name(good)) << good;
  }
  EXPECT_TRUE(is_account_name(longest));
  for (const auto* bad : {"", "$", "-a", ".a", "1000", "1000$", "uid-7", "uid-0042", "a b", "a/b",
                          "a\x1b[2J", "jörg", "a,b", "a{b", "a$b", "a%"}) {
    EXPECT_FALSE(is_account_name(bad)) << bad;
  }
  EXPECT_FALSE(is_account_name(longest + "a"));
  write(line("uid-1001", "1000") + line("\xff", "1002"));
  EXPECT_EQ(accounts.name_of(1000), "uid-1000");
  EXPECT_EQ(accounts.name_of(1002), "uid-1002");
}

TEST_F(AccountsTest, WhatIsNoFileOrTooLargeNamesNobody) {
  std::filesystem::create_directory(path());
  EXPECT_EQ(accounts.name_of(1000), "uid-1000");
  std::filesystem::remove(path());
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);  // would block who opens it to read
  EXPECT_EQ(accounts.name_of(1000), "uid-1000");
  std::filesystem::remove(path());
  write(line("ana", "1000") + std::string(Accounts::file_max, '#'));
  EXPECT_EQ(accounts.name_of(1000), "uid-1000");
  write(line("ana", "1000"));
  EXPECT_EQ(accounts.name_of(1000), "ana");
}

mode_t mode_of(const std::string& path) {
  struct stat there{};
  return ::stat(path.c_str(), &there) == 0 ? there.st_mode & 07777 : 0;
}

TEST_F(AccountsTest, TheLocalDirectoryIsItsGroupsOnly) {
  const std::string local = folder / "local";
  ASSERT_TRUE(close_local_directory(local, ::getegid()));  // made
  EXPECT_EQ(mode_of(local), 02750U);
  ASSERT_EQ(::chmod(local.c_str(), 0755), 0);  // as the engine makes it
  ASSERT_TRUE(close_local_directory(local, ::getegid()));
  EXPECT_EQ(mode_of(local), 02750U);
  struct stat there{};
  std::ofstream{local + "/s"} << "";
  ASSERT_EQ(::stat((local + "/s").c_str(), &there), 0);
  EXPECT_EQ(there.st_gid, ::getegid());
}

TEST_F(AccountsTest, ALocalDirectoryThatCannotBeClosedIsAnError) {
  std::filesystem::create_symlink("/tmp", folder / "link");
  const auto link = close_local_directory(folder / "link", ::getegid());
  ASSERT_FALSE(link);
  EXPECT_TRUE(link.error().starts_with("cannot open the folder ")) << link.error();
  const auto nowhere = close_local_directory(folder / "a/b", ::getegid());
  ASSERT_FALSE(nowhere);
  EXPECT_TRUE(nowhere.error().ends_with("/a/b: No such file or directory")) << nowhere.error();
}

}  // namespace
}  // namespace gpuhub::daemon
