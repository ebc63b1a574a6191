#include "config/read.hpp"

#include <algorithm>
#include <format>
#include <tuple>

#include "config/rules.hpp"
#include "config/sections.hpp"
#include "config/table.hpp"
#include "model/assert.hpp"

namespace gpuhub::config {
namespace {
// What two sections must agree on.
void check_together(Table& root, const Config& config) {
  if (config.hub.start_timeout >= config.allocator.bind_timeout) {
    root.table("hub").fault(
        "start_timeout",
        std::format("{} s is not less than allocator.bind_timeout, {} s",
                    config.hub.start_timeout.count() / 1000,
                    config.allocator.bind_timeout.count() / 1000),
        "less than allocator.bind_timeout: a grant must outlive the start it is for");
  }
  if (!rules::is_loopback(config.hub.address) && config.tls.mode == TlsMode::none) {
    root.table("hub").fault(
        "address",
        std::format("\"{}\" is reached over the network, where passwords need TLS",
                    config.hub.address),
        "\"127.0.0.1\", or a [tls] section: certificate and key, self_signed or behind_proxy");
  }
  if (config.auth.method == Method::oidc && config.hub.public_url.empty()) {
    root.table("hub").fault("public_url", "missing, though auth.method is \"oidc\"",
                            "where people find the hub, e.g. \"https://hub.example.org\": the "
                            "provider sends them back there");
  }
}

Config read_all(const toml::table* document, Reading& reading) {
  Table root{reading, document, "", ""};
  Config config;
  const bool simulated = root.has("simulation");
  config.hub = read_hub(root.table("hub"));
  config.tls = read_tls(root.table("tls"));
  config.allocator = read_allocator(root.table("allocator"));
  config.queue = read_queue(root.table("queue"));
  config.local = read_local(root.table("local"));
  config.gpus = read_gpus(root.table("gpus"), simulated);
  Simulation simulation = read_simulation(root.table("simulation"));
  if (simulated) config.simulation = std::move(simulation);
  config.notebook = read_notebook(root.table("notebook"));
  config.profiles = read_profiles(root, config.notebook);
  config.auth = read_auth(root.table("auth"));
  config.spawner = read_spawner(root.table("spawner"));
  config.idle = read_idle(root.table("idle"));
  check_together(root, config);
  root.finish();
  return config;
}

std::vector<Fault> one_fault(std::string_view file, toml::source_position at, std::string what) {
  return {Fault{std::string{file}, std::max(at.line, 1U), std::max(at.column, 1U), "",
                std::move(what), ""}};
}
}  // namespace

std::string Fault::text() const {
  std::string out = std::format("{}:{}:{}: ", file, line, column);
  if (!key.empty()) out += key + ": ";
  out += what;
  if (!allowed.empty()) out += "; allowed: " + allowed;
  std::ranges::replace(out, '\n', ' ');
  return out;
}

std::expected<Config, std::vector<Fault>> read(std::string_view text, std::string_view file) {
  if (text.size() > file_max) {
    return std::unexpected{one_fault(file, {1, 1}, "the file is larger than 1 MiB")};
  }
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return std::unexpected{one_fault(file, error.source().begin,
                                     "not TOML: " + std::string{error.description()})};
  }
  Reading reading{.file = std::string{file}, .faults = {}, .keys = {}};
  Config config = read_all(&parsed.table(), reading);
  if (reading.faults.empty()) return config;
  std::ranges::stable_sort(reading.faults, {}, [](const Fault& fault) {
    return std::tuple{fault.line, fault.column};
  });
  return std::unexpected{std::move(reading.faults)};
}

std::set<std::string> all_keys() {
  Reading reading{.file = {}, .faults = {}, .keys = {}, .only_keys = true};
  read_all(nullptr, reading);
  return std::move(reading.keys);
}

}  // namespace gpuhub::config
