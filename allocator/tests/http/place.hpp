// A folder of a test's own, short enough for unix sockets, and a plain client that can be rude.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>

namespace gpuhub::http {

class Folder {
 public:
  Folder() {
    std::string name = "/tmp/gpuhub-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string{name}; }

 private:
  std::string path_;
};

// Sends any bytes and reads what comes, without blocking: the loop runs on the same thread.
class RawClient {
 public:
  explicit RawClient(const std::string& path)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }
  int fd() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  // Sends as much as goes; the rest is left for the next call.
  void send(std::string_view more = {}) {
    pending_ += more;
    while (!pending_.empty()) {
      const ssize_t sent = ::send(fd_, pending_.data(), pending_.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      pending_.erase(0, static_cast<std::size_t>(sent));
    }
  }
  void send_no_more() { ::shutdown(fd_, SHUT_WR); }
  // What has come so far, all of it.
  const std::string& received() {
    if (!pending_.empty()) send();
    char chunk[4096];
    while (fd_ >= 0) {
      const ssize_t got = ::recv(fd_, chunk, sizeof chunk, 0);
      if (got == 0) closed_ = true;
      if (got <= 0) break;
      text_.append(chunk, static_cast<std::size_t>(got));
    }
    return text_;
  }
  bool closed() {  // by the other side
    received();
    return closed_;
  }

 private:
  int fd_;
  bool connected_ = false;
  bool closed_ = false;
  std::string pending_;
  std::string text_;
};

}  // namespace gpuhub::http
