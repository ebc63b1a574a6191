#include "daemon/settings_file.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <print>
#include <sstream>

#include "config/export.hpp"
#include "config/read.hpp"
#include "config/template.hpp"

namespace gpuhub::daemon {

std::optional<config::Config> load_config(const Options& options) {
  std::ifstream file{options.config, std::ios::binary};
  std::string text(config::file_max + 1, '\0');
  if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (!file && !file.eof())) {
    std::println(stderr, "{}:1:1: the file cannot be read: {}", options.config_name,
                 std::strerror(errno));
    return std::nullopt;
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  auto config = config::read(text, options.config_name);
  if (config) return std::move(*config);
  for (const config::Fault& fault : config.error()) std::println(stderr, "{}", fault.text());
  return std::nullopt;
}

int check_config(const Options& options) {
  if (!load_config(options)) return exit_config;
  std::println("{}: good", options.config_name);
  return 0;
}

int export_config(const Options& options) {
  const auto config = load_config(options);
  if (!config) return exit_config;
  const auto written = config::write_export(*config, options.export_directory);
  if (written) return 0;
  std::println(stderr, "gpu-allocator: {}", written.error());
  return 74;  // EX_IOERR
}

int print_template(const Options& options) {
  const std::string text = config::make_template({options.simulate, options.admins});
  if (const auto good = config::read(text, "--admins"); !good) {
    std::println(stderr, "gpu-allocator: {}", good.error().front().text());
    return 64;  // EX_USAGE
  }
  std::print("{}", text);
  return 0;
}

}  // namespace gpuhub::daemon
