// The folder of the socket for people of this host. It lies in the host's /run, so after a reboot
// the engine makes it anew for the bind mount: as root's, open to all. The daemon closes it before
// the socket appears.
#pragma once

#include <sys/types.h>

#include <expected>
#include <string>

namespace gpuhub::daemon {

// Gives `directory` (made if it is absent; its parent is there) to `group` with mode 2750: only
// members get in, and what is made in it belongs to the group. Needs no capability where this
// process owns the folder and has the group among its own (`group_add`). Error: one sentence; what
// was there is unchanged or already closed, never wider open.
std::expected<void, std::string> close_local_directory(const std::string& directory, gid_t group);

}  // namespace gpuhub::daemon
