// A file descriptor that closes itself, and what the system says when a call fails. Private to
// store/.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <expected>
#include <format>
#include <string_view>
#include <utility>

#include "store/store.hpp"

namespace gpuhub::store {

struct Descriptor {
  int fd = -1;  // less than 0: none
  Descriptor() = default;
  explicit Descriptor(int open) : fd(open) {}
  Descriptor(Descriptor&& other) noexcept : fd(std::exchange(other.fd, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd, other.fd);
    return *this;
  }
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

// By errno: right after the call.
inline std::unexpected<Error> failed(std::string_view what) {
  return std::unexpected(Error{std::format("{}: {}", what, std::strerror(errno))});
}

}  // namespace gpuhub::store
