#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <format>

#include "cell/cell.hpp"

namespace gpuhub::cell {
namespace {

std::unexpected<std::string> failed(const char* what, int error) {
  return std::unexpected(std::format("{}: {}", what, std::strerror(error)));
}

// A file in memory with the text, to be read from its beginning; -1 and errno if there is none.
int file_with(const std::string& text) {
  const int file = memfd_create("rules", MFD_CLOEXEC);
  if (file < 0) return -1;
  std::size_t written = 0;
  while (written < text.size()) {
    const auto count = write(file, text.data() + written, text.size() - written);
    if (count < 0) return -1;
    written += static_cast<std::size_t>(count);
  }
  return lseek(file, 0, SEEK_SET) < 0 ? -1 : file;
}

std::expected<pid_t, std::string> start(const std::string& nft, int input) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  std::array<std::string, 3> words{nft, "-f", "-"};
  std::array<char*, 4> arguments{words[0].data(), words[1].data(), words[2].data(), nullptr};
  std::array<char*, 1> environment{nullptr};
  pid_t child = 0;
  const int error = posix_spawn(&child, nft.c_str(), &actions, nullptr, arguments.data(),
                                environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return failed(nft.c_str(), error);
  return child;
}

// Whether the child has ended within the limit.
bool ends(pid_t child, std::chrono::seconds limit) {
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  if (handle < 0) return true;  // a kernel before 5.3: waited for without a limit
  pollfd ready{.fd = handle, .events = POLLIN, .revents = 0};
  const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  const bool ended = poll(&ready, 1, static_cast<int>(wait)) == 1;
  close(handle);
  return ended;
}

}  // namespace

Done load_rules(const std::string& nft, const std::string& rules, std::chrono::seconds limit) {
  const int input = file_with(rules);
  if (input < 0) return failed("the rules could not be handed on", errno);
  const auto child = start(nft, input);
  close(input);
  if (!child) return std::unexpected(child.error());
  const bool in_time = ends(*child, limit);
  if (!in_time) kill(*child, SIGKILL);
  int status = 0;
  if (waitpid(*child, &status, 0) != *child) return failed("waiting for nft", errno);
  if (!in_time) return std::unexpected(std::format("nft took longer than {}", limit));
  if (!WIFEXITED(status)) return std::unexpected("nft was killed");
  if (WEXITSTATUS(status) != 0) {
    return std::unexpected(std::format("nft ended with {}", WEXITSTATUS(status)));
  }
  return {};
}

}  // namespace gpuhub::cell
