// Hands our standard input on to a child that must not read the terminal itself, because it has a
// process group of its own. Non-blocking; driven by the poll loop of ctl/child.cpp.
#pragma once

#include <poll.h>

#include <string>

namespace gpuhub::ctl {

class InputRelay {
 public:
  InputRelay() = default;  // idle until open()
  ~InputRelay();
  InputRelay(const InputRelay&) = delete;
  InputRelay& operator=(const InputRelay&) = delete;

  // False, with errno: there is no more room for sockets.
  bool open();
  int child_end() const { return child_; }  // to be the child's standard input; -1 if idle
  void child_started();                     // closes our copy of it

  // What to wait for: something to read, or room to write. fd -1: nothing.
  pollfd wish() const;
  void go_on();                             // after the wait; never blocks

 private:
  void close_ours();
  int ours_ = -1, child_ = -1;
  std::string held_;                        // read and not written yet
};

}  // namespace gpuhub::ctl
