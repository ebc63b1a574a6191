#include "processes/proc_fs.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>
#include <utility>

#include "processes/proc_text.hpp"

namespace gpuhub::processes {
namespace {

constexpr std::size_t file_max = 16'384;  // bytes; v1 has a line for each hierarchy
constexpr ino_t kFirstPidNamespace = 0xEFFFFFFC;  // the kernel's PROC_PID_INIT_INO

class ProcFs final : public Processes {
 public:
  explicit ProcFs(std::string root) : root_(std::move(root)), of_host_(look_for_host()) {}

  std::optional<std::uint64_t> started(std::uint32_t pid) override {
    const auto text = read(std::to_string(pid), "/stat");
    return text.empty() ? std::nullopt : parse_started(text);
  }
  std::optional<std::vector<model::ContainerId>> containers(std::uint32_t pid) override {
    const auto text = read(std::to_string(pid), "/cgroup");
    if (text.empty()) return std::nullopt;
    return parse_containers(text);
  }
  bool of_host() override { return of_host_; }

 private:
  // The machine's own namespace has a number that the kernel fixes. A host that is itself a
  // container has another one; there the first process is not of our container.
  bool look_for_host() {
    struct stat info{};
    const auto path = root_ + "/self/ns/pid";
    if (::stat(path.c_str(), &info) == 0 && info.st_ino == kFirstPidNamespace) return true;
    const std::string first(read("1", "/cgroup"));
    return !first.empty() && first != read("self", "/cgroup");
  }

  // Good until the next call. Empty: it cannot be read.
  std::string_view read(const std::string& pid, const char* file) {
    const auto path = root_ + '/' + pid + file;
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return {};
    std::size_t size = 0;
    while (size < buffer_.size()) {
      const auto got = ::read(fd, buffer_.data() + size, buffer_.size() - size);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {
        if (got < 0) size = 0;
        break;
      }
      size += static_cast<std::size_t>(got);
    }
    ::close(fd);
    return {buffer_.data(), size};
  }

  std::string root_;
  std::array<char, file_max> buffer_{};
  bool of_host_;
};

}  // namespace

std::unique_ptr<Processes> make_proc_fs(std::string root) {
  return std::make_unique<ProcFs>(std::move(root));
}

}  // namespace gpuhub::processes
