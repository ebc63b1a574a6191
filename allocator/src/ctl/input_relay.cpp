#include "ctl/input_relay.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace gpuhub::ctl {

InputRelay::~InputRelay() {
  close_ours();
  child_started();
}

bool InputRelay::open() {
  // A pair of sockets and no pipe: writing to a child that has left must not kill us.
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) return false;
  ours_ = pair[0];
  child_ = pair[1];
  ::shutdown(ours_, SHUT_RD);
  return true;
}

void InputRelay::child_started() {
  if (child_ >= 0) ::close(std::exchange(child_, -1));
}

void InputRelay::close_ours() {
  if (ours_ >= 0) ::close(std::exchange(ours_, -1));
}

pollfd InputRelay::wish() const {
  if (ours_ < 0) return {.fd = -1, .events = 0, .revents = 0};
  if (held_.empty()) return {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  return {.fd = ours_, .events = POLLOUT, .revents = 0};
}

void InputRelay::go_on() {
  pollfd ready = wish();
  if (ready.fd < 0 || ::poll(&ready, 1, 0) <= 0) return;
  if (held_.empty()) {
    std::array<char, 4096> chunk{};
    const ssize_t got = ::read(STDIN_FILENO, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) return;
    if (got <= 0) return close_ours();  // the child sees the end
    held_.assign(chunk.data(), static_cast<std::size_t>(got));
  }
  const ssize_t sent = ::send(ours_, held_.data(), held_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (sent < 0) return close_ours();    // it reads no more
  held_.erase(0, static_cast<std::size_t>(sent));
}

}  // namespace gpuhub::ctl
