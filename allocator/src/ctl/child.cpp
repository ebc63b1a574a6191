#include "ctl/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "ctl/input_relay.hpp"
#include "model/assert.hpp"

extern char** environ;  // NOLINT: POSIX has it in no header

namespace gpuhub::ctl {
namespace {

struct Started {
  pid_t pid = -1;
  int pipe = -1;           // where its output comes out, if captured
  int error_number = 0;
};

// Where the child's streams go, in posix_spawn's words.
void direct(posix_spawn_file_actions_t& actions, Output output, const std::array<int, 2>& pipe) {
  switch (output) {
    case Output::ours: break;
    case Output::errors:
      posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
      break;
    case Output::asked:
      posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
      [[fallthrough]];
    case Output::captured:
      posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
      break;
    case Output::dropped:
      posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
      posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
      break;
  }
}

Started start(const Child& child, const Signals& signals, InputRelay& input) {
  std::vector<char*> arguments;
  for (const std::string& argument : child.arguments) {
    arguments.push_back(const_cast<char*>(argument.c_str()));  // exec's old promise: never written
  }
  arguments.push_back(nullptr);
  std::array<int, 2> pipe{-1, -1};
  const bool captured = child.output == Output::captured || child.output == Output::asked;
  if ((child.relay_input && !input.open()) ||
      (captured &&
       (::pipe2(pipe.data(), O_CLOEXEC) != 0 || ::fcntl(pipe[0], F_SETFL, O_NONBLOCK) != 0))) {
    return {.error_number = errno};
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  direct(actions, child.output, pipe);
  if (input.child_end() >= 0) {
    posix_spawn_file_actions_adddup2(&actions, input.child_end(), STDIN_FILENO);
  }
  posix_spawnattr_setsigmask(&attributes, &signals.before());
  const short group = child.own_group ? POSIX_SPAWN_SETPGROUP : 0;
  posix_spawnattr_setflags(&attributes, static_cast<short>(POSIX_SPAWN_SETSIGMASK | group));
  Started started;
  started.error_number = ::posix_spawnp(&started.pid, arguments[0], &actions, &attributes,
                                        arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  input.child_started();
  if (pipe[1] >= 0) ::close(pipe[1]);
  if (started.error_number != 0 && pipe[0] >= 0) ::close(std::exchange(pipe[0], -1));
  started.pipe = pipe[0];
  return started;
}

// Takes all that has come out of the pipe so far; closes it at its end.
void take_output(int& pipe, std::string& output) {
  std::array<char, 4096> chunk{};
  while (pipe >= 0) {
    const ssize_t got = ::read(pipe, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      ::close(std::exchange(pipe, -1));
      return;
    }
    const std::size_t room = output_max - output.size();
    output.append(chunk.data(), std::min(static_cast<std::size_t>(got), room));  // the rest is lost
  }
}

}  // namespace

ChildEnd run_child(const Child& child, Signals& signals, const OnSignal& on_signal) {
  GPUHUB_ASSERT(!child.arguments.empty());
  InputRelay input;
  Started started = start(child, signals, input);
  if (started.error_number != 0) return {127, {}, started.error_number};
  ChildEnd end;
  int raw = 0;
  // Looked at each time: signals of one kind are told once, and calls of this may be nested.
  while (::waitpid(started.pid, &raw, WNOHANG) != started.pid) {
    std::array<pollfd, 3> wait{{{.fd = signals.fd(), .events = POLLIN, .revents = 0},
                                {.fd = started.pipe, .events = POLLIN, .revents = 0},
                                input.wish()}};
    ::poll(wait.data(), wait.size(), -1);
    take_output(started.pipe, end.output);
    input.go_on();
    while (const auto signal = signals.next()) {
      if (signal->ssi_signo != SIGCHLD) on_signal(*signal, started.pid);
    }
  }
  take_output(started.pipe, end.output);
  if (started.pipe >= 0) ::close(started.pipe);  // a grandchild still has the other end
  end.status = WIFSIGNALED(raw) ? status_of_signal(WTERMSIG(raw)) : WEXITSTATUS(raw);
  return end;
}

void pass_on(const Signal& signal, pid_t pid) {
  if (signal.ssi_code != SI_KERNEL) ::kill(pid, static_cast<int>(signal.ssi_signo));
}

}  // namespace gpuhub::ctl
