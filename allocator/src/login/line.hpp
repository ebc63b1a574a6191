// One line over a socket, bounded in size and time.
#pragma once

#include <chrono>
#include <expected>
#include <string>
#include <string_view>

namespace gpuhub::login {

// The first line that comes, without its end; nothing may follow it. Error: one sentence. What was
// received on the way is wiped.
std::expected<std::string, std::string> receive_line(int fd, std::chrono::milliseconds limit);

// True if all of it went. `flags` are those of send(2): with MSG_DONTWAIT it never blocks.
bool send_line(int fd, std::string_view line, int flags = 0);

}  // namespace gpuhub::login
