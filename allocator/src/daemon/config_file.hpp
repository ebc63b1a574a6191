// gpuhub.toml as a file: read, or checked and exported for `up`.
#pragma once

#include <expected>

#include "config/config.hpp"
#include "daemon/options.hpp"

namespace gpuhub::daemon {

inline constexpr int exit_config = 78;  // as sysexits.h: EX_CONFIG

// Error: the exit status, after every fault was printed to stderr, a line each.
std::expected<config::Config, int> load_config(const Options& options);
// --check-config and --export. Returns the exit status.
int check_or_export(const Options& options, const config::Config& config);

}  // namespace gpuhub::daemon
