#include "login/line.hpp"

#include <poll.h>
#include <string.h>  // NOLINT: explicit_bzero
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <format>
#include <system_error>

#include "login/request.hpp"

namespace gpuhub::login {
namespace {
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct Buffer {
  std::array<char, line_max> bytes{};
  std::size_t size = 0;
  ~Buffer() { ::explicit_bzero(bytes.data(), bytes.size()); }
  std::string_view text() const { return {bytes.data(), size}; }
};

bool await(int fd, Clock::time_point until) {
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
    pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
    const auto wait = static_cast<int>(std::max(left.count(), milliseconds::rep{0}));
    const int ready = ::poll(&one, 1, wait);
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) return false;
  }
}
}  // namespace

std::expected<std::string, std::string> receive_line(int fd, milliseconds limit) {
  const auto until = Clock::now() + limit;
  Buffer buffer;
  while (buffer.size < buffer.bytes.size()) {
    if (!await(fd, until)) return std::unexpected(std::format("nothing came within {}", limit));
    const ssize_t got = ::recv(fd, buffer.bytes.data() + buffer.size,
                               buffer.bytes.size() - buffer.size, MSG_DONTWAIT);
    if (got == 0) return std::unexpected("the connection ended before its line did");
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return std::unexpected(std::generic_category().message(errno));
    buffer.size += static_cast<std::size_t>(got);
    const auto end = buffer.text().find('\n');
    if (end == std::string_view::npos) continue;
    if (end + 1 != buffer.size) return std::unexpected("more than one line came");
    return std::string{buffer.text().substr(0, end)};
  }
  return std::unexpected(std::format("the line is longer than {} bytes", line_max));
}

bool send_line(int fd, std::string_view line, int flags) {
  while (!line.empty()) {
    const ssize_t sent = ::send(fd, line.data(), line.size(), flags | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    line.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace gpuhub::login
