#include "ctl/socket.hpp"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <format>
#include <system_error>

#include "model/assert.hpp"

namespace gpuhub::ctl {

std::expected<std::string, std::string> choose_socket(std::span<const std::string> candidates) {
  GPUHUB_ASSERT(!candidates.empty());
  std::string what = "there is no allocator to ask:";
  bool forbidden = false;
  for (const std::string& path : candidates) {
    if (::access(path.c_str(), W_OK) == 0) return path;
    forbidden = forbidden || errno == EACCES;
    what += std::format("\n  {}: {}", path, std::generic_category().message(errno));
  }
  const char* remedy =
      forbidden ? "try this: as a member of the group that [local] in gpuhub.toml names (docker, "
                  "by itself): sudo usermod -aG docker NAME, then log in again"
                : "try this: ./gpuhub ctl … for admins; for people of this host: enabled = true in "
                  "[local] of gpuhub.toml, then ./gpuhub up";
  return std::unexpected(what + "\n" + remedy);
}

bool is_local_socket(const std::string& path) {
  return std::filesystem::path{path}.parent_path().filename() == "local";
}

}  // namespace gpuhub::ctl
