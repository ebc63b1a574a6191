// Sockets of the bench: where a peer listens, a connection to it, descriptors with an owner.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

namespace gpuhub::bench {

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;
  int get() const { return fd_; }

 private:
  int fd_;
};

// A unix socket, or a port of 127.0.0.1 where `path` is empty.
struct Address {
  std::string path;
  std::uint16_t port = 0;
};

// Connected and non-blocking. Error: what could not be done and why.
std::expected<Descriptor, std::string> connect_to(const Address& address);

// "what: the system's words for errno".
std::string failed_to(const std::string& what);

}  // namespace gpuhub::bench
