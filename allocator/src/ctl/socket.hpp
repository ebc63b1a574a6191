// Which of the allocator's sockets is asked, and as whom.
#pragma once

#include <expected>
#include <span>
#include <string>

namespace gpuhub::ctl {

inline constexpr const char* admin_socket = "/run/gpuhub/admin/allocator.sock";
inline constexpr const char* local_socket = "/run/gpuhub/local/allocator.sock";

// The first of `candidates` that is there and may be used by this process. Error: what is in the
// way of each, and what to do.
std::expected<std::string, std::string> choose_socket(std::span<const std::string> candidates);

// True for the socket of this host's people, told by its folder's name, "local": there the kernel
// says who asks, and naming a user is an error.
bool is_local_socket(const std::string& path);

}  // namespace gpuhub::ctl
