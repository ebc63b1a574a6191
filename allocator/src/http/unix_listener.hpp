// Making and removing a listening unix socket in the file system. Plain POSIX, blocking, quick.
#pragma once

#include <sys/types.h>

#include <expected>
#include <string>

#include "http/server.hpp"

namespace gpuhub::http {

// A listening socket and its file. Closes the one and removes the other when it goes, the file
// only if it still is the one that was made.
class UnixListener {
 public:
  // See Server::create. Under the final name the socket appears ready: listening, with its mode.
  static std::expected<UnixListener, std::string> open(const Listen& where);
  ~UnixListener();
  UnixListener(UnixListener&& other) noexcept;
  UnixListener& operator=(UnixListener&&) = delete;

  int release_fd();  // the caller closes it from now on; the file stays this object's

 private:
  UnixListener(int fd, std::string path, dev_t device, ino_t inode);
  int fd_ = -1;
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace gpuhub::http
