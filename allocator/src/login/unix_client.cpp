#include "login/unix_client.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "login/line.hpp"

namespace gpuhub::login {

Connection::~Connection() {
  if (fd_ >= 0) ::close(fd_);
}

std::expected<Connection, std::string> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return std::unexpected(path + ": too long a path");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Connection connection{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (connection.fd() < 0 || ::connect(connection.fd(), generic, sizeof address) != 0) {
    return std::unexpected(path + ": " + std::generic_category().message(errno));
  }
  return connection;
}

std::expected<void, std::string> ping(const std::string& socket, std::chrono::milliseconds limit) {
  const auto connection = connect_to(socket);
  if (!connection) return std::unexpected(connection.error());
  send_line(connection->fd(), "{\"op\":\"ping\"}\n");
  const auto line = receive_line(connection->fd(), limit);
  if (!line) return std::unexpected(socket + ": " + line.error());
  if (line->starts_with("{\"outcome\":\"ok\"")) return {};
  return std::unexpected(*line);
}

}  // namespace gpuhub::login
