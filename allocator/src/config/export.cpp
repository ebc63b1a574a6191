#include "config/export.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <format>
#include <optional>

namespace gpuhub::config {
namespace {
namespace json = boost::json;

template <typename T>
json::value or_null(const std::optional<T>& value) {
  if (!value) return nullptr;
  return *value;
}

json::object gpus_of(const model::Want& want) {
  if (const auto* count = std::get_if<model::WantCount>(&want)) return {{"count", count->count}};
  if (std::holds_alternative<model::WantAll>(want)) return {{"all", true}};
  return {{"none", true}};
}

json::array profiles_of(const Config& config) {
  json::array out;
  for (const Profile& profile : config.profiles) {
    out.push_back(json::object{{"slug", profile.slug},
                               {"display_name", profile.display_name},
                               {"description", profile.description},
                               {"gpus", gpus_of(profile.gpus)},
                               {"mode", model::to_string(profile.mode)},
                               {"default", profile.is_default}});
  }
  return out;
}

// One member per line: people look into this file when something is odd.
std::string indented(const json::object& object) {
  std::string out = "{\n";
  for (std::size_t i = 0; const auto& [key, value] : object) {
    out += "  " + json::serialize(json::string{key}) + ": " + json::serialize(value);
    out += ++i < object.size() ? ",\n" : "\n";
  }
  return out + "}\n";
}

std::string failed(std::string_view what, const std::string& path) {
  return std::format("cannot {} {}: {}", what, path, std::strerror(errno));
}

std::expected<void, std::string> replace_file(const std::string& path, std::string_view text) {
  const std::string fresh = path + ".new";
  const int file = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return std::unexpected{failed("write", fresh)};
  while (!text.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      auto error = failed("write", fresh);
      close(file);
      return std::unexpected{std::move(error)};
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  const bool flushed = fsync(file) == 0;
  if (close(file) != 0 || !flushed) return std::unexpected{failed("write", fresh)};
  if (std::rename(fresh.c_str(), path.c_str()) != 0) {
    return std::unexpected{failed("replace", path)};
  }
  return {};
}
}  // namespace

std::string public_url(const Config& config) {
  const bool tls = config.tls.mode == TlsMode::files || config.tls.mode == TlsMode::self_signed;
  const bool v6 = config.hub.address.contains(':');
  return std::format("{}://{}{}{}:{}", tls ? "https" : "http", v6 ? "[" : "", config.hub.address,
                     v6 ? "]" : "", config.hub.port);
}

std::string hub_json(const Config& config) {
  json::array admins(config.hub.admins.begin(), config.hub.admins.end());
  return indented(
      {{"hub", {{"name", config.hub.name},
                {"admins", std::move(admins)},
                {"start_timeout_s", (config.hub.start_timeout.count() + 999) / 1000}}},
       {"notebook", {{"image", config.notebook.image},
                     {"memory_bytes", or_null(config.notebook.memory_bytes)},
                     {"cpus", or_null(config.notebook.cpus)},
                     {"shm_size_bytes", or_null(config.notebook.shm_size_bytes)}}},
       {"profiles", profiles_of(config)},
       {"allocator", {{"socket", "/run/gpuhub/hub/allocator.sock"},
                      {"bind_timeout_s", config.allocator.bind_timeout.count() / 1000}}},
       {"queue", {{"enabled", config.queue.enabled},
                  {"max", config.queue.max},
                  {"renew_timeout_s", config.queue.renew_timeout.count() / 1000}}},
       {"auth", json::object{{"method", config.auth.method}}},
       {"tls", json::object{{"mode", to_string(config.tls.mode)}}},
       {"public_url", public_url(config)}});
}

std::string compose_env(const Config& config) {
  std::string out =
      "# Made from gpuhub.toml by gpu-allocator --export: change that file instead.\n";
  // Single quotes: Compose takes what stands between them as it is. No value holds a quote or a
  // line break (rules.cpp).
  const auto line = [&out](std::string_view name, std::string_view value) {
    out += std::format("GPUHUB_{}='{}'\n", name, value);
  };
  line("ADDRESS", config.hub.address);
  line("PORT", std::to_string(config.hub.port));
  line("TLS", to_string(config.tls.mode));
  line("TLS_CERT", config.tls.certificate);
  line("TLS_KEY", config.tls.key);
  line("NOTEBOOK_IMAGE", config.notebook.image);
  line("SIMULATE", config.simulation ? std::to_string(config.simulation->gpus) : "");
  line("SIM_MODEL", config.simulation ? config.simulation->model : "");
  line("DRIVER", to_string(config.gpus.driver));
  line("SOURCE", to_string(config.gpus.source));
  line("PUBLIC_URL", public_url(config));
  line("LOCAL", config.local.enabled ? "true" : "");
  line("LOCAL_GROUP", config.local.group);
  return out;
}

std::expected<void, std::string> write_export(const Config& config, const std::string& directory) {
  return replace_file(directory + "/hub.json", hub_json(config)).and_then([&] {
    return replace_file(directory + "/compose.env", compose_env(config));
  });
}

}  // namespace gpuhub::config
