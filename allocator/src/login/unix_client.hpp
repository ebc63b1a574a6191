// The client's end of a unix socket: for --ping, and to learn whether sssd is there.
#pragma once

#include <chrono>
#include <expected>
#include <string>
#include <utility>

namespace gpuhub::login {

// A connected socket; closed when it goes.
class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}
  ~Connection();
  Connection(Connection&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Connection& operator=(Connection&&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

// Error: one sentence that names the path.
std::expected<Connection, std::string> connect_to(const std::string& path);

// Asks the helper on this socket whether it works. Error: why not, within `limit`.
std::expected<void, std::string> ping(const std::string& socket, std::chrono::milliseconds limit);

}  // namespace gpuhub::login
