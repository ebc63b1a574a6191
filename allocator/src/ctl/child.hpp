// Another program, run to its end by a command that keeps hearing signals meanwhile.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "ctl/signals.hpp"

namespace gpuhub::ctl {

enum class Output {
  ours,        // the child has our standard output
  errors,      // it has our standard error: what it prints is no result of ours
  captured,    // it comes back in ChildEnd::output, at most output_max bytes
  asked,       // the same, and its errors go nowhere: a failure is an answer too
  dropped,     // both of its streams go nowhere
};
inline constexpr std::size_t output_max = 64 * 1024;

struct Child {
  std::vector<std::string> arguments;  // the program, found by PATH, and its arguments
  Output output = Output::ours;
  bool own_group = false;    // a process group of its own: the terminal's keys miss it, and signals
                             // that are sent to the group
  bool relay_input = false;  // our standard input is handed on to it: with a group of its own it
                             // must not read the terminal
};
struct ChildEnd {
  int status = 0;          // as a shell gives it: 128 + n if signal n ended it
  std::string output;      // if captured
  int error_number = 0;    // not 0: it never ran (ENOENT: there is no such program); status is 127
};

// What to do about a signal (never CHLD) that comes while the child, `pid`, runs.
using OnSignal = std::function<void(const Signal& signal, pid_t pid)>;

ChildEnd run_child(const Child& child, Signals& signals, const OnSignal& on_signal);

// For a child that shares our process group: the terminal's signals have reached it by themselves,
// what was sent to us alone is passed on.
void pass_on(const Signal& signal, pid_t pid);

}  // namespace gpuhub::ctl
