// Signals as something to be read, for commands that have to tidy up before they end: while one of
// these lives, its signals kill nobody and are heard in the order of calls. One per process.
#pragma once

#include <sys/signalfd.h>
#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <optional>

namespace gpuhub::ctl {

using Signal = signalfd_siginfo;  // ssi_signo: which; ssi_code: SI_KERNEL if from the terminal

class Signals {
 public:
  Signals();   // blocks HUP, INT, QUIT, TERM, USR1, USR2, WINCH and CHLD
  ~Signals();  // as before; what nobody has read does its work then
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // The next that asks to end: HUP, INT, QUIT or TERM. Others are dropped. nullopt: none is there.
  std::optional<int> end_asked();
  // The same, waiting for one up to `limit`.
  std::optional<int> end_asked_within(std::chrono::milliseconds limit);

  // For ctl/child.cpp: readable when a signal is there; the next one; the mask that children get.
  int fd() const { return fd_; }
  std::optional<Signal> next();
  const sigset_t& before() const { return before_; }

 private:
  int fd_ = -1;
  sigset_t before_{};
};

// As a shell says it: 130 for SIGINT.
constexpr int status_of_signal(int number) { return 128 + number; }

}  // namespace gpuhub::ctl
