#include "ctl/signals.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "model/assert.hpp"

namespace gpuhub::ctl {
namespace {

constexpr std::array heard{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD};
constexpr std::array ending{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

}  // namespace

Signals::Signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : heard) sigaddset(&set, number);
  // A parent may have told us to ignore what we have to hear.
  struct sigaction plain{};
  plain.sa_handler = SIG_DFL;
  GPUHUB_ASSERT(::sigaction(SIGCHLD, &plain, nullptr) == 0);
  GPUHUB_ASSERT(::sigprocmask(SIG_BLOCK, &set, &before_) == 0);
  fd_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  GPUHUB_ASSERT(fd_ >= 0);
}

Signals::~Signals() {
  ::close(fd_);
  ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<Signal> Signals::next() {
  Signal signal{};
  const ssize_t got = ::read(fd_, &signal, sizeof signal);
  return got == sizeof signal ? std::optional{signal} : std::nullopt;
}

std::optional<int> Signals::end_asked() {
  while (const auto signal = next()) {
    const int number = static_cast<int>(signal->ssi_signo);
    if (std::ranges::contains(ending, number)) return number;
  }
  return std::nullopt;
}

std::optional<int> Signals::end_asked_within(std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (true) {
    if (const auto number = end_asked()) return number;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return std::nullopt;
    pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
    ::poll(&wait, 1, static_cast<int>(left.count()));
  }
}

}  // namespace gpuhub::ctl
