#include "daemon/local_directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <format>
#include <system_error>

namespace gpuhub::daemon {
namespace {
constexpr mode_t closed = 02750;

std::unexpected<std::string> failed(const char* what, const std::string& path, int error) {
  return std::unexpected(
      std::format("{} {}: {}", what, path, std::generic_category().message(error)));
}
}  // namespace

std::expected<void, std::string> close_local_directory(const std::string& directory, gid_t group) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return failed("cannot make", directory, errno);
  }
  const int folder = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0) return failed("cannot open the folder", directory, errno);
  // Nobody else gets in before it is the group's; fchown may take the set-group-id bit away.
  std::expected<void, std::string> result;
  if (::fchmod(folder, 0700) != 0) {
    result = failed("cannot close", directory, errno);
  } else if (::fchown(folder, static_cast<uid_t>(-1), group) != 0) {
    result = failed(std::format("cannot give to group {} (the container's group_add must name it)",
                                group).c_str(),
                    directory, errno);
  } else if (::fchmod(folder, closed) != 0) {
    result = failed("cannot close", directory, errno);
  }
  ::close(folder);
  return result;
}

}  // namespace gpuhub::daemon
