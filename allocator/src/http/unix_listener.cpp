#include "http/unix_listener.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

namespace gpuhub::http {
namespace {

std::unexpected<std::string> failed(const std::string& what, const std::string& path, int error) {
  return std::unexpected(what + " " + path + ": " + std::generic_category().message(error));
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);  // length checked by open()
  return address;
}

// sockaddr_un as the system calls want it.
const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

std::optional<std::string> make_directory(const Listen& where) {
  const auto directory = std::filesystem::path(where.path).parent_path();
  std::error_code error;
  if (std::filesystem::exists(directory, error)) return std::nullopt;
  std::filesystem::create_directories(directory, error);
  if (error) return "cannot make directory " + directory.string() + ": " + error.message();
  if (::chmod(directory.c_str(), where.directory_mode) != 0) {
    return "cannot set the mode of " + directory.string() + ": " +
           std::generic_category().message(errno);
  }
  return std::nullopt;
}

// nullopt if the name is free or a stale socket, which may be replaced.
std::optional<std::string> why_taken(const std::string& path) {
  struct stat there{};
  if (::lstat(path.c_str(), &there) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return "cannot look at " + path + ": " + std::generic_category().message(errno);
  }
  if (!S_ISSOCK(there.st_mode)) return path + " exists and is not a socket; remove it first";
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return "cannot make a socket: " + std::generic_category().message(errno);
  const sockaddr_un address = address_of(path);
  const int result = ::connect(probe, generic(address), sizeof address);
  const int error = errno;
  ::close(probe);
  if (result != 0 && (error == ECONNREFUSED || error == ENOENT)) return std::nullopt;
  return "another process listens on " + path + "; stop it first";
}

}  // namespace

std::expected<UnixListener, std::string> UnixListener::open(const Listen& where) {
  if (where.path.empty() || where.path[0] != '/') {
    return std::unexpected("socket path \"" + where.path + "\" must be absolute");
  }
  if (where.path.size() > socket_path_max) {
    return std::unexpected("socket path " + where.path + " is longer than " +
                           std::to_string(socket_path_max) + " bytes");
  }
  if (auto problem = make_directory(where)) return std::unexpected(std::move(*problem));
  if (auto problem = why_taken(where.path)) return std::unexpected(std::move(*problem));

  // Bound under another name and renamed when ready: nobody meets it half made.
  const std::string draft = where.path + "~";
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return failed("cannot make a socket for", where.path, errno);
  ::unlink(draft.c_str());
  const sockaddr_un address = address_of(draft);
  struct stat made{};
  const bool ready = ::bind(fd, generic(address), sizeof address) == 0 &&
                     ::chmod(draft.c_str(), where.mode) == 0 && ::listen(fd, SOMAXCONN) == 0 &&
                     ::lstat(draft.c_str(), &made) == 0 &&
                     ::rename(draft.c_str(), where.path.c_str()) == 0;
  if (!ready) {
    const int error = errno;
    ::close(fd);
    ::unlink(draft.c_str());
    return failed("cannot listen on", where.path, error);
  }
  return UnixListener{fd, where.path, made.st_dev, made.st_ino};
}

UnixListener::UnixListener(int fd, std::string path, dev_t device, ino_t inode)
    : fd_(fd), path_(std::move(path)), device_(device), inode_(inode) {}

UnixListener::UnixListener(UnixListener&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::exchange(other.path_, {})),
      device_(other.device_),
      inode_(other.inode_) {}

UnixListener::~UnixListener() {
  if (fd_ >= 0) ::close(fd_);
  struct stat there{};
  if (!path_.empty() && ::lstat(path_.c_str(), &there) == 0 && there.st_dev == device_ &&
      there.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
}

int UnixListener::release_fd() { return std::exchange(fd_, -1); }

}  // namespace gpuhub::http
