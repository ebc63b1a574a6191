#include "bench/sockets.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

namespace gpuhub::bench {
namespace {

std::expected<void, std::string> connect_unix(int fd, const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof name.sun_path) return std::unexpected(path + ": too long");
  std::memcpy(name.sun_path, path.data(), path.size());
  if (::connect(fd, std::bit_cast<sockaddr*>(&name), sizeof name) != 0) {
    return std::unexpected(failed_to("connect to " + path));
  }
  return {};
}

std::expected<void, std::string> connect_tcp(int fd, std::uint16_t port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  if (::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
      ::connect(fd, std::bit_cast<sockaddr*>(&name), sizeof name) != 0) {
    return std::unexpected(failed_to("connect to port " + std::to_string(port)));
  }
  return {};
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}
Descriptor::Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

std::string failed_to(const std::string& what) { return what + ": " + std::strerror(errno); }

std::expected<Descriptor, std::string> connect_to(const Address& address) {
  const int family = address.path.empty() ? AF_INET : AF_UNIX;
  Descriptor socket{::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (socket.get() < 0) return std::unexpected(failed_to("make a socket"));
  const auto connected = family == AF_UNIX ? connect_unix(socket.get(), address.path)
                                           : connect_tcp(socket.get(), address.port);
  if (!connected) return std::unexpected(connected.error());
  if (::fcntl(socket.get(), F_SETFL, O_NONBLOCK) != 0) {
    return std::unexpected(failed_to("make a socket non-blocking"));
  }
  return socket;
}

}  // namespace gpuhub::bench
