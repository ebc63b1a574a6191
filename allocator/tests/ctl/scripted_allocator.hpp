// An allocator whose answers are given: a unix socket, a thread that serves one connection after
// the other, and a record of what was asked. Plain sockets, so that it can also cut and be silent.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace gpuhub::ctl {

struct Reply {
  int status = 200;
  std::string body = "{}";
  enum class How { answer, cut, hold } how = How::answer;  // hold: silent until the client leaves
  std::function<void()> first{};                           // called before anything is answered
};

class ScriptedAllocator {
 public:
  explicit ScriptedAllocator(const std::string& path)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    if (::bind(fd_, generic, sizeof address) != 0 || ::listen(fd_, 16) != 0) std::abort();
    thread_ = std::thread{[this] { serve(); }};
  }
  ~ScriptedAllocator() {
    ending_ = true;
    thread_.join();
    ::close(fd_);
  }
  ScriptedAllocator(const ScriptedAllocator&) = delete;
  ScriptedAllocator& operator=(const ScriptedAllocator&) = delete;

  // "GET /v1/gpus": what comes to it next. Several are given in order; the last one stays. A query
  // of "?*" stands for any. What is not scripted is answered with 404.
  void on(const std::string& what, Reply reply) {
    const std::lock_guard lock{mutex_};
    replies_[what].push_back(std::move(reply));
  }
  // Forgets what was scripted for it before.
  void only(const std::string& what, Reply reply) {
    const std::lock_guard lock{mutex_};
    replies_[what] = {std::move(reply)};
  }
  // "POST /v1/leases {…}", in order.
  std::vector<std::string> asked() {
    const std::lock_guard lock{mutex_};
    return asked_;
  }

 private:
  void serve() {
    while (!ending_) {
      pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
      if (::poll(&wait, 1, 20) <= 0) continue;
      const int client = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) continue;
      serve_one(client);
      ::close(client);
    }
  }

  void serve_one(int client) {
    const std::string request = receive(client);
    if (request.empty()) return;
    const std::string what = request.substr(0, request.find(" HTTP/1.1"));
    const std::string body = request.substr(request.find("\r\n\r\n") + 4);
    const Reply reply = choose(what, body);
    if (reply.first) reply.first();
    if (reply.how == Reply::How::cut) return;
    if (reply.how == Reply::How::hold) return wait_for_end(client);
    const std::string answer = "HTTP/1.1 " + std::to_string(reply.status) +
                               " x\r\ncontent-type: application/json\r\ncontent-length: " +
                               std::to_string(reply.body.size()) + "\r\nconnection: close\r\n\r\n" +
                               reply.body;
    ::send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
    ::shutdown(client, SHUT_WR);
    wait_for_end(client);
  }

  Reply choose(const std::string& what, const std::string& body) {
    const std::lock_guard lock{mutex_};
    asked_.push_back(body.empty() ? what : what + " " + body);
    auto known = replies_.find(what);
    if (known == replies_.end()) known = replies_.find(what.substr(0, what.find('?')) + "?*");
    if (known == replies_.end()) return {404, "{}"};
    Reply reply = known->second.front();
    if (known->second.size() > 1) known->second.pop_front();
    return reply;
  }

  // Head and body.
  std::string receive(int client) {
    std::string text;
    while (!is_whole(text) && readable(client)) {
      char chunk[4096];
      const ssize_t got = ::recv(client, chunk, sizeof chunk, 0);
      if (got <= 0) return "";
      text.append(chunk, static_cast<std::size_t>(got));
    }
    return text;
  }
  static bool is_whole(const std::string& text) {
    const std::size_t head = text.find("\r\n\r\n");
    if (head == text.npos) return false;
    const std::size_t length = text.find("Content-Length: ");
    const std::size_t size =
        length < head ? std::strtoul(text.c_str() + length + 16, nullptr, 10) : 0;
    return text.size() >= head + 4 + size;
  }
  bool readable(int client) {
    pollfd wait{.fd = client, .events = POLLIN, .revents = 0};
    while (!ending_) {
      if (::poll(&wait, 1, 20) > 0) return true;
    }
    return false;
  }
  void wait_for_end(int client) {
    char scrap[64];
    while (readable(client) && ::recv(client, scrap, sizeof scrap, 0) > 0) {
    }
  }

  int fd_;
  std::atomic<bool> ending_ = false;
  std::mutex mutex_;
  std::map<std::string, std::deque<Reply>> replies_;
  std::vector<std::string> asked_;
  std::thread thread_;
};

}  // namespace gpuhub::ctl
