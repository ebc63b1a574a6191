#include "login/server.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <format>
#include <iterator>
#include <print>
#include <system_error>
#include <utility>

#include "login/account.hpp"
#include "login/line.hpp"

namespace gpuhub::login {
namespace {
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

sigset_t our_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&signals, signal);
  return signals;
}

std::string why(const char* what) {
  return std::format("{}: {}", what, std::generic_category().message(errno));
}

// Never waits: the answer is short, and lost if nobody reads.
void tell(int connection, Outcome outcome, std::string detail) {
  send_line(connection, to_line({.outcome = outcome, .detail = std::move(detail)}), MSG_DONTWAIT);
}

bool is_from(int connection, uid_t peer) {
  ucred who{};
  socklen_t size = sizeof who;
  return ::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && who.uid == peer;
}
}  // namespace

std::expected<std::unique_ptr<Server>, std::string> Server::create(const std::string& socket,
                                                                   Limits limits,
                                                                   Handler handler) {
  auto listener = http::UnixListener::open({.path = socket, .role = "hub", .mode = 0600});
  if (!listener) return std::unexpected(listener.error());
  const sigset_t signals = our_signals();
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  const int heard = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (heard < 0) return std::unexpected(why("cannot hear signals"));
  return std::unique_ptr<Server>{
      new Server{*std::move(listener), limits, std::move(handler), heard}};
}

Server::Server(http::UnixListener listener, Limits limits, Handler handler, int signals)
    : listener_(std::move(listener)),
      socket_(listener_.release_fd()),
      limits_(limits),
      handler_(std::move(handler)),
      signals_(signals) {}

Server::~Server() {
  for (const Child& child : children_) {
    ::kill(-child.pid, SIGKILL);
    ::kill(child.pid, SIGKILL);
    ::close(child.connection);
  }
  ::close(socket_);
  ::close(signals_);
}

void Server::run() {
  while (true) {
    pollfd ready[] = {{.fd = signals_, .events = POLLIN, .revents = 0},
                      {.fd = socket_, .events = POLLIN, .revents = 0}};
    ::poll(ready, std::size(ready), wait_ms());
    if (ready[0].revents != 0 && !hear_signals()) return;
    kill_late();
    if (ready[1].revents != 0) accept_all();
  }
}

void Server::accept_all() {
  while (true) {
    const int connection = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection >= 0) {
      serve(connection);
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR && errno != ECONNABORTED) {
      std::println(stderr, "gpuhub-login: {}", why("cannot accept a connection"));
      ::poll(nullptr, 0, 100);  // out of memory or files: not at full speed
      return;
    }
  }
}

// Who was killed makes room at once, though the kernel may still be at it: within limits.
bool Server::is_full() const {
  const auto alive = std::ranges::count(children_, false, &Child::killed);
  return static_cast<std::size_t>(alive) >= limits_.at_once ||
         children_.size() >= 4 * limits_.at_once;
}

void Server::serve(int connection) {
  if (!is_from(connection, limits_.peer)) {
    std::println(stderr, "gpuhub-login: turned away a connection that is not the hub's");
  } else if (is_full()) {
    tell(connection, Outcome::busy, std::format("{} log-ins at once", limits_.at_once));
  } else {
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) be_child(connection, parent);
    if (pid > 0) {
      ::setpgid(pid, pid);  // the child does it too: whoever comes first
      children_.push_back({.pid = pid, .connection = connection,
                           .until = Clock::now() + limits_.time});
      return;
    }
    tell(connection, Outcome::unavailable, why("cannot start a process"));
  }
  ::close(connection);
}

void Server::be_child(int connection, pid_t parent) noexcept {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  ::close(socket_);
  ::close(signals_);
  const sigset_t signals = our_signals();
  ::sigprocmask(SIG_UNBLOCK, &signals, nullptr);
  for (const Child& other : children_) ::close(other.connection);
  auto line = receive_line(connection, limits_.request_time);
  const std::string answer =
      line ? handler_(*line)
           : to_line({.outcome = Outcome::bad_request, .detail = line.error()});
  ::_exit(send_line(connection, answer) ? 0 : 1);
}

bool Server::hear_signals() {
  signalfd_siginfo signal{};
  while (::read(signals_, &signal, sizeof signal) == sizeof signal) {
    if (signal.ssi_signo != SIGCHLD) return false;
  }
  reap();
  return true;
}

void Server::reap() {
  for (auto child = children_.begin(); child != children_.end();) {
    int status = 0;
    if (::waitpid(child->pid, &status, WNOHANG) != child->pid) {
      ++child;
      continue;
    }
    ::kill(-child->pid, SIGKILL);  // what a module of PAM started and left behind
    if (status != 0 && !child->killed) {
      std::println(stderr, "gpuhub-login: a request ended with wait status {:#x}", status);
      tell(child->connection, Outcome::unavailable, "the check crashed");
    }
    ::close(child->connection);
    child = children_.erase(child);
  }
}

void Server::kill_late() {
  for (Child& child : children_) {
    if (child.killed || child.until > Clock::now()) continue;
    ::kill(-child.pid, SIGKILL);
    ::kill(child.pid, SIGKILL);
    child.killed = true;
    std::println(stderr, "gpuhub-login: a request was killed after {}", limits_.time);
    tell(child.connection, Outcome::unavailable, std::format("no answer within {}", limits_.time));
    ::shutdown(child.connection, SHUT_RDWR);
  }
}

int Server::wait_ms() const {
  auto until = Clock::time_point::max();
  for (const Child& child : children_) {
    if (!child.killed) until = std::min(until, child.until);
  }
  if (until == Clock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
  return static_cast<int>(std::max(left.count(), milliseconds::rep{0}));
}

}  // namespace gpuhub::login
