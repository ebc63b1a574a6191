// gpu-allocator: reads the configuration, wires the parts, runs.
#include <csignal>
#include <cstdio>
#include <exception>
#include <format>
#include <print>

#include "daemon/daemon.hpp"
#include "daemon/log.hpp"
#include "daemon/options.hpp"
#include "daemon/settings_file.hpp"

namespace gpuhub::daemon {
namespace {
int serve(const Options& options) {
  const auto config = load_config(options);
  if (!config) return exit_config;
  start_log(config->allocator.log, config->allocator.log_format);
  auto made = Daemon::create(*config, options);
  if (!made) {
    log(config::LogLevel::error, made.error().message);
    return made.error().status;
  }
  return (*made)->run();
}

int run(const Options& options) {
  switch (options.verb) {
    case Verb::check_config: return check_config(options);
    case Verb::export_config: return export_config(options);
    case Verb::config_template: return print_template(options);
    case Verb::run: break;
  }
  return serve(options);
}
}  // namespace
}  // namespace gpuhub::daemon

int main(int argc, char** argv) {
  namespace daemon = gpuhub::daemon;
  std::signal(SIGPIPE, SIG_IGN);
  try {
    const auto options = daemon::parse_options(argc, argv);
    return options ? daemon::run(*options) : options.error();
  } catch (const std::exception& error) {
    std::println(stderr, "gpu-allocator: internal error: {}", error.what());
    return daemon::exit_internal;
  }
}
