// The verbs of gpu-allocator that only deal with gpuhub.toml.
#pragma once

#include <optional>

#include "config/config.hpp"
#include "daemon/options.hpp"

namespace gpuhub::daemon {

inline constexpr int exit_config = 78;  // EX_CONFIG

// Reads and checks the file; what is wrong is told on stderr, one line each.
std::optional<config::Config> load_config(const Options& options);
// Each gives the exit status.
int check_config(const Options& options);
int export_config(const Options& options);
int print_template(const Options& options);

}  // namespace gpuhub::daemon
