#include "nvml_sim/state_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <format>

#include "nvml_sim/machine.hpp"

namespace gpuhub::nvml_sim {
namespace {

std::unexpected<std::string> failed(const std::string& path, std::string_view doing) {
  const int why = errno;
  return std::unexpected(std::format("{}: cannot {}: {}", path, doing, std::strerror(why)));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

bool write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const auto written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

std::expected<std::string, std::string> read_small_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0) return failed(path, "open");
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return failed(path, "stat");
  if (!S_ISREG(info.st_mode)) return std::unexpected(path + ": not a regular file");
  std::string content;
  std::array<char, 16384> chunk{};
  while (content.size() <= kMaxFileBytes) {
    const auto got = ::read(file.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(path, "read");
    if (got == 0) return content;
    content.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return std::unexpected(path + ": more than 1 MiB");
}

std::string read_head(const std::string& path, std::size_t max) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat info{};
  if (file.get() < 0 || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  std::string head(max, '\0');
  const auto got = ::pread(file.get(), head.data(), head.size(), 0);
  head.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return head;
}

FileStamp stamp_of(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return {};
  return {.device = info.st_dev,
          .inode = info.st_ino,
          .size = info.st_size,
          .modified_ns = info.st_mtim.tv_sec * 1'000'000'000LL + info.st_mtim.tv_nsec};
}

std::expected<void, std::string> replace_file(const std::string& path, std::string_view content) {
  std::string fresh = path + ".XXXXXX";
  const Descriptor file(::mkostemp(fresh.data(), O_CLOEXEC));
  if (file.get() < 0) return failed(path, "make a new file beside it");
  if (!write_all(file.get(), content) || ::fchmod(file.get(), 0644) != 0 ||
      ::fsync(file.get()) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0) {
    auto error = failed(path, "replace");
    ::unlink(fresh.c_str());
    return error;
  }
  return {};
}

}  // namespace gpuhub::nvml_sim
