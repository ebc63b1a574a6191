#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <format>

#include "cell/cell.hpp"

namespace gpuhub::cell {
namespace {
using Sets = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

bool all_empty(const Sets& sets) {
  for (const auto& set : sets) {
    if (set.effective != 0 || set.permitted != 0 || set.inheritable != 0) return false;
  }
  return true;
}

}  // namespace

// The bounding set stays (to empty it takes CAP_SETPCAP); without new privileges it gives nothing:
// a program started by root then gets no more than is permitted here.
Done give_up_capabilities() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return std::unexpected(std::format("no_new_privs: {}", std::strerror(errno)));
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  Sets sets{};
  if (syscall(SYS_capset, &header, sets.data()) != 0) {
    return std::unexpected(std::format("capset: {}", std::strerror(errno)));
  }
  if (syscall(SYS_capget, &header, sets.data()) != 0 || !all_empty(sets)) {
    return std::unexpected("capabilities could not be given up");
  }
  return {};
}

}  // namespace gpuhub::cell
