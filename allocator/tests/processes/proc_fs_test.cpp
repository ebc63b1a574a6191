#include "processes/proc_fs.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace gpuhub::processes {
namespace {

const std::string a(64, 'a');

// A tree like /proc.
class Tree {
 public:
  Tree() {
    std::string pattern = testing::TempDir() + "proc.XXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  ~Tree() { std::filesystem::remove_all(root_); }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(root_ + "/" + path).parent_path());
    std::ofstream(root_ + "/" + path) << text;
  }
  [[nodiscard]] const std::string& root() const { return root_; }

 private:
  std::string root_;
};

TEST(ProcFs, ReadsAProcess) {
  const Tree tree;
  tree.write("7/stat", "7 (python) R 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 555 0");
  tree.write("7/cgroup", "0::/docker/" + a + "\n");
  tree.write("8/stat", "");
  const auto proc = make_proc_fs(tree.root());
  EXPECT_EQ(proc->started(7), 555U);
  ASSERT_TRUE(proc->containers(7));
  EXPECT_EQ(proc->containers(7)->at(0).str(), a);
  EXPECT_EQ(proc->started(8), std::nullopt) << "it ended while it was read";
  EXPECT_EQ(proc->containers(8), std::nullopt);
  EXPECT_EQ(proc->started(9), std::nullopt);
}

TEST(ProcFs, NoticesANamespaceThatIsNotTheHosts) {
  const struct {
    const char* what;
    std::string first, self;
    bool host;
  } table[] = {{"the host's, v1", "1:pids:/\n", "1:pids:/docker/" + a + "\n", true},
               {"the host's, v2, own cgroup namespace", "0::/../../init.scope\n", "0::/\n", true},
               {"its own, v1", "1:pids:/docker/" + a + "\n", "1:pids:/docker/" + a + "\n", false},
               {"its own, v2", "0::/\n", "0::/\n", false},
               {"nothing can be read", "", "0::/\n", false}};
  for (const auto& row : table) {
    const Tree tree;
    tree.write("1/cgroup", row.first);
    tree.write("self/cgroup", row.self);
    EXPECT_EQ(make_proc_fs(tree.root())->of_host(), row.host) << row.what;
  }
}

TEST(ProcFs, TellsRealProcessesApart) {
  const auto proc = make_proc_fs();
  const auto own = proc->started(static_cast<std::uint32_t>(::getpid()));
  ASSERT_TRUE(own);
  EXPECT_EQ(proc->started(static_cast<std::uint32_t>(::getpid())), own);
  const auto child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const auto pid = static_cast<std::uint32_t>(child);
  EXPECT_GE(proc->started(pid), own);
  EXPECT_EQ(proc->containers(pid), proc->containers(static_cast<std::uint32_t>(::getpid())));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(proc->started(pid), std::nullopt);
}

}  // namespace
}  // namespace gpuhub::processes
