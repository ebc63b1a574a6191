// A peer on a unix socket that answers requests with given bytes, whatever HTTP thinks of them, and
// then closes or falls silent. Polled by a timer on the test's own loop: no threads.
#pragma once

#include <fcntl.h>

#include <functional>
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
  using Choose = std::function<Script(const std::string& head)>;
  ScriptedPeer(Loop& loop, const std::string& path, Choose choose)
      : listener_(open(path)),
        fd_(listener_.release_fd()),
        choose_(std::move(choose)),
        timer_(loop, [this] { poll(); }) {
    poll();
  }
  ScriptedPeer(Loop& loop, const std::string& path, Script script)
      : ScriptedPeer(loop, path, [script](const std::string&) { return script; }) {}
  ~ScriptedPeer() {
    for (const auto& client : clients_) ::close(client.fd);
    ::close(fd_);
  }
  ScriptedPeer(const ScriptedPeer&) = delete;
  ScriptedPeer& operator=(const ScriptedPeer&) = delete;

  // Says more to those who were answered and are still there, or hangs up on them.
  void say(std::string_view more) {
    for (const auto& client : clients_) {
      if (client.answered) ::send(client.fd, more.data(), more.size(), MSG_NOSIGNAL);
    }
  }
  void hang_up() {
    for (const auto& client : clients_) ::close(client.fd);
    clients_.clear();
  }
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
      const Script script = choose_(client.head);
      ::send(client.fd, script.text.data(), script.text.size(), MSG_NOSIGNAL);
      if (script.close) ::close(client.fd);
      return !script.close;
    }
    if (got == 0) ::close(client.fd);
    return got != 0;
  }

  UnixListener listener_;
  int fd_;
  Choose choose_;
  std::list<Connection> clients_;
  std::string received_;
  std::size_t connections_ = 0;
  Timer timer_;
};

}  // namespace gpuhub::http
