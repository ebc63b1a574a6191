#include "daemon/config_file.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <print>
#include <string>

#include "config/export.hpp"
#include "config/read.hpp"

namespace gpuhub::daemon {
namespace {

const std::string& shown_name(const Options& options) {
  return options.config_name.empty() ? options.config : options.config_name;
}

}  // namespace

std::expected<config::Config, int> load_config(const Options& options) {
  std::ifstream file{options.config, std::ios::binary};
  std::string text(config::file_max + 1, '\0');
  if (file) {
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
  }
  if (!file.is_open() || file.bad()) {
    std::println(stderr, "{}: cannot be read: {}", shown_name(options), std::strerror(errno));
    return std::unexpected(exit_config);
  }
  if (text.size() > config::file_max) {
    std::println(stderr, "{}: is larger than {} bytes", shown_name(options), config::file_max);
    return std::unexpected(exit_config);
  }
  auto config = config::read(text, shown_name(options));
  if (config) return *std::move(config);
  for (const auto& fault : config.error()) std::println(stderr, "{}", fault.text());
  return std::unexpected(exit_config);
}

int check_or_export(const Options& options, const config::Config& config) {
  if (options.export_directory.empty()) {
    std::println("{}: good", shown_name(options));
    return 0;
  }
  if (const auto written = config::write_export(config, options.export_directory); !written) {
    std::println(stderr, "{}", written.error());
    return 1;
  }
  return 0;
}

}  // namespace gpuhub::daemon
