#include "ctl/asking.hpp"

#include <unistd.h>

#include <cstdlib>
#include <format>

#include "ctl/socket.hpp"
#include "ctl/words.hpp"

namespace gpuhub::ctl {
namespace {

// Whoever sits at the admin's socket, by what the system has told the shell; it may say anything.
std::string caller() {
  for (const char* variable : {"SUDO_USER", "LOGNAME", "USER"}) {
    const char* name = std::getenv(variable);
    if (name != nullptr && *name != '\0') return name;
  }
  return ::geteuid() == 0 ? "root" : std::format("uid-{}", ::geteuid());
}

}  // namespace

std::expected<Wish, std::string> wish_of(const AskOptions& options, const std::string& socket,
                                         std::string name) {
  Wish wish;
  auto gpus = parse_gpus(options.gpus);
  if (!gpus) {
    return std::unexpected(std::format(
        "--gpus {}: neither a number nor UUIDs\ntry this: --gpus 2, --gpus all, --gpus none or "
        "--gpus UUID,UUID (gpuctl gpus shows them)", options.gpus));
  }
  wish.gpus = std::move(*gpus);
  wish.exclusive = options.exclusive;
  wish.wait = !options.no_wait;
  if (!options.wait.empty() && options.wait != "true") {
    wish.wait_max = parse_duration(options.wait);
    if (!wish.wait_max) {
      return std::unexpected(std::format(
          "--wait={}: no duration\ntry this: --wait=90s, --wait=10m, --wait=2h or --wait alone",
          options.wait));
    }
  }
  // By the admin's socket one asks for anybody; at the people's the kernel says who asks.
  if (!options.user.empty()) {
    wish.user = options.user;
  } else if (!is_local_socket(socket)) {
    wish.user = caller();
  }
  wish.server = !options.name.empty() ? options.name
                : !name.empty()       ? std::move(name)
                                      : drawn_name("run-", 4);
  return wish;
}

}  // namespace gpuhub::ctl
