// A peer on a unix socket that says the same bytes to everyone who has sent a request, and then
// closes or falls silent. Polled by a timer on the test's own loop: no threads.
#pragma once

#include <fcntl.h>

#include <list>
#include <string>
#include <utility>

#include "http/loop.hpp"
#include "http/unix_listener.hpp"
#include "place.hpp"

namespace gpuhub::http {

class ScriptedPeer {
 public:
  struct Script {
    std::string text;
    bool close = true;  // after the text; false: silence
  };
  ScriptedPeer(Loop& loop, const std::string& path, Script script)
      : listener_(open(path)),
        fd_(listener_.release_fd()),
        script_(std::move(script)),
        timer_(loop, [this] { poll(); }) {
    poll();
  }
  ~ScriptedPeer() {
    for (const auto& client : clients_) ::close(client.fd);
    ::close(fd_);
  }
  ScriptedPeer(const ScriptedPeer&) = delete;
  ScriptedPeer& operator=(const ScriptedPeer&) = delete;

  void say(Script script) { script_ = std::move(script); }  // to those who come from now on
  const std::string& received() const { return received_; }
  std::size_t connections() const { return connections_; }

 private:
  struct Connection {
    int fd;
    std::string head;
    bool answered = false;
  };
  static UnixListener open(const std::string& path) {
    auto listener = UnixListener::open({.path = path, .role = "peer"});
    if (!listener) std::abort();
    return std::move(*listener);
  }
  void poll() {
    for (int fd = 0; (fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
      ++connections_;
      clients_.push_back({.fd = fd, .head = {}});
    }
    for (auto client = clients_.begin(); client != clients_.end();) {
      client = serve(*client) ? std::next(client) : clients_.erase(client);
    }
    timer_.set(std::chrono::milliseconds{1});
  }
  bool serve(Connection& client) {  // false: closed
    char chunk[4096];
    const ssize_t got = ::recv(client.fd, chunk, sizeof chunk, 0);
    if (got > 0) client.head.append(chunk, static_cast<std::size_t>(got));
    if (!client.answered && client.head.contains("\r\n\r\n")) {
      client.answered = true;
      received_ += client.head;
      ::send(client.fd, script_.text.data(), script_.text.size(), MSG_NOSIGNAL);
      if (script_.close) ::close(client.fd);
      return !script_.close;
    }
    if (got == 0) ::close(client.fd);
    return got != 0;
  }

  UnixListener listener_;
  int fd_;
  Script script_;
  std::list<Connection> clients_;
  std::string received_;
  std::size_t connections_ = 0;
  Timer timer_;
};

}  // namespace gpuhub::http
