#include "http/unix_listener.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "place.hpp"

namespace gpuhub::http {
namespace {

unsigned mode_of(const std::string& path) {
  struct stat there{};
  return ::lstat(path.c_str(), &there) == 0 ? there.st_mode & 07777U : 0U;
}

TEST(UnixListener, MakesFolderAndSocketWithTheirModes) {
  Folder folder;
  const auto listener =
      UnixListener::open({.path = folder / "run/a.sock", .role = "x", .mode = 0620});
  ASSERT_TRUE(listener) << listener.error();
  EXPECT_EQ(mode_of(folder / "run"), 0750U);
  EXPECT_EQ(mode_of(folder / "run/a.sock"), 0620U);
  EXPECT_TRUE(RawClient{folder / "run/a.sock"}.connected());
  EXPECT_FALSE(std::filesystem::exists(folder / "run/a.sock~"));
}

TEST(UnixListener, LeavesAnExistingFoldersModeAlone) {
  Folder folder;
  ASSERT_EQ(::mkdir((folder / "run").c_str(), 0700), 0);
  ASSERT_TRUE(UnixListener::open({.path = folder / "run/a.sock", .role = "x"}));
  EXPECT_EQ(mode_of(folder / "run"), 0700U);
}

TEST(UnixListener, RemovesItsFileAndOnlyIts) {
  Folder folder;
  { const auto gone = UnixListener::open({.path = folder / "a", .role = "x"}); }
  EXPECT_FALSE(std::filesystem::exists(folder / "a"));
  {
    const auto first = UnixListener::open({.path = folder / "a", .role = "x"});
    std::filesystem::remove(folder / "a");
    std::ofstream{folder / "a"} << "somebody else's";
  }
  EXPECT_TRUE(std::filesystem::exists(folder / "a"));
}

TEST(UnixListener, ReplacesAStaleSocket) {
  Folder folder;
  {
    auto left = UnixListener::open({.path = folder / "a", .role = "x"});
    ASSERT_TRUE(left);
    ::close(left->release_fd());
    ASSERT_EQ(::rename((folder / "a").c_str(), (folder / "b").c_str()), 0);  // survives its maker
  }
  ASSERT_EQ(::rename((folder / "b").c_str(), (folder / "a").c_str()), 0);
  ASSERT_FALSE(RawClient{folder / "a"}.connected());
  const auto listener = UnixListener::open({.path = folder / "a", .role = "x"});
  EXPECT_TRUE(listener) << listener.error();
  EXPECT_TRUE(RawClient{folder / "a"}.connected());
}

// The error says why, and what was there is still there.
TEST(UnixListener, RefusesWhatIsNotItsToReplace) {
  Folder folder;
  const auto error = [](const std::string& path) {
    const auto listener = UnixListener::open({.path = path, .role = "x"});
    return listener ? std::string{"opened"} : listener.error();
  };
  const auto first = UnixListener::open({.path = folder / "live", .role = "x"});
  EXPECT_TRUE(error(folder / "live").starts_with("another process listens on /tmp/"));
  EXPECT_TRUE(RawClient{folder / "live"}.connected());

  std::ofstream{folder / "file"} << "text";
  EXPECT_TRUE(error(folder / "file").contains("is not a socket"));
  EXPECT_TRUE(error(folder / std::string(120, 'x')).contains("is longer than 106 bytes"));
  EXPECT_TRUE(error("a.sock").contains("must be absolute"));
  EXPECT_TRUE(error(folder / "file/a.sock").contains("cannot"));
}

}  // namespace
}  // namespace gpuhub::http
