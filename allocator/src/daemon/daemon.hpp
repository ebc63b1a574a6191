// The running allocator: every part made, wired and kept turning on one loop.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "daemon/options.hpp"

namespace gpuhub::daemon {

// Exit statuses beside 0 (asked to stop) and exit_config: each means "start me anew".
inline constexpr int exit_engine = 69;    // EX_UNAVAILABLE: stale engine socket, or GPUs vanished
inline constexpr int exit_internal = 70;  // EX_SOFTWARE
inline constexpr int exit_store = 74;     // EX_IOERR: the books cannot be read or written

struct Failure {
  int status;
  std::string message;
};

class Daemon {
 public:
  // Opens the store and the sockets. Failure: what could not be done; nothing is left open.
  static std::expected<std::unique_ptr<Daemon>, Failure> create(const config::Config& config,
                                                                const Options& options);
  ~Daemon();

  // Serves until SIGTERM or SIGINT (0), or until it must be started anew (one of the above).
  int run();

 private:
  struct Parts;
  explicit Daemon(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace gpuhub::daemon
