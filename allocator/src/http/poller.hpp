// Readiness of many file descriptors on the loop: an epoll set of its own inside the loop's. One
// turn of the loop serves all that are ready, so that a request costs no system calls but its own
// read and write. For the sources of http/ only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "http/loop.hpp"

namespace gpuhub::http {

// Who is told. Edges, not levels: each once, when something comes (EPOLLIN, EPOLLRDHUP, EPOLLHUP,
// EPOLLERR, and EPOLLOUT if it was asked for).
class Polled {
 public:
  virtual void ready(std::uint32_t events) = 0;

 protected:
  ~Polled() = default;
};

class Poller {
 public:
  explicit Poller(Loop& loop);
  ~Poller() { close(); }
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  void close();  // nobody is told any more, nor called later
  // False: the kernel refuses to watch one more. `polled` must stay until remove().
  bool add(int fd, Polled& polled);
  void want_writable(int fd, Polled& polled, bool wanted);
  void remove(int fd, Polled& polled);  // before the descriptor is closed
  // Called once what is going on now has come to its end; in order.
  void later(std::move_only_function<void()> what);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace gpuhub::http
