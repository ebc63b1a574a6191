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
  return json::value_from(*value);
}

json::object gpus_of(const model::Want& want) {
  if (const auto* count = std::get_if<model::WantCount>(&want)) return {{"count", count->count}};
  if (std::holds_alternative<model::WantAll>(want)) return {{"all", true}};
  return {{"none", true}};
}

json::array list(const std::vector<std::string>& texts) {
  return json::array(texts.begin(), texts.end());
}

json::value or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return json::string{text};
}

std::int64_t seconds(model::Duration time) { return (time.count() + 999) / 1000; }

json::value seconds_or_null(const std::optional<model::Duration>& time) {
  if (!time) return nullptr;
  return seconds(*time);
}

void put_limits(json::object& out, const Limits& limits) {
  out["memory_bytes"] = or_null(limits.memory_bytes);
  out["cpus"] = or_null(limits.cpus);
  out["shm_size_bytes"] = or_null(limits.shm_size_bytes);
  out["pids"] = or_null(limits.pids);
}

json::array profiles_of(const Config& config) {
  json::array out;
  for (const Profile& profile : config.profiles) {
    json::object one{{"slug", profile.slug},
                     {"display_name", profile.display_name},
                     {"description", profile.description},
                     {"gpus", gpus_of(profile.gpus)},
                     {"mode", model::to_string(profile.mode)},
                     {"default", profile.is_default},
                     {"groups", list(profile.groups)},
                     {"images", list(profile.images)}};
    if (profile.range) {
      one["gpus"] = json::object{{"range", {profile.range->least, profile.range->most}}};
    }
    put_limits(one, profile.limits);
    one["idle_limit_s"] = seconds_or_null(profile.idle_limit);
    one["max_lifetime_s"] = seconds_or_null(profile.max_lifetime);
    out.push_back(std::move(one));
  }
  return out;
}

json::object notebook_of(const Notebook& notebook) {
  json::object out{{"image", notebook.image},
                   {"images", list(notebook.images)},
                   {"reach", list(notebook.reach)},
                   {"http_proxy", or_null(notebook.http_proxy)},
                   {"https_proxy", or_null(notebook.https_proxy)},
                   {"no_proxy", or_null(notebook.no_proxy)},
                   {"has_ca", !notebook.ca_file.empty()}};
  put_limits(out, notebook.limits);
  return out;
}

json::value directory_of(const std::optional<Directory>& directory) {
  if (!directory) return nullptr;
  return json::object{{"servers", list(directory->servers)},
                      {"port", or_null(directory->port)},
                      {"tls", to_string(directory->tls)},
                      {"has_ca", !directory->ca_file.empty()},
                      {"base", directory->base},
                      {"account", or_null(directory->account)},
                      {"user_base", or_null(directory->user_base)},
                      {"group_base", or_null(directory->group_base)},
                      {"user_filter", or_null(directory->user_filter)},
                      {"name_attribute", or_null(directory->name_attribute)},
                      {"timeout_s", seconds(directory->timeout)}};
}

json::value oidc_of(const std::optional<Oidc>& oidc) {
  if (!oidc) return nullptr;
  return json::object{{"issuer", oidc->issuer},
                      {"client_id", oidc->client_id},
                      {"scopes", list(oidc->scopes)},
                      {"name_claim", oidc->name_claim},
                      {"groups_claim", oidc->groups_claim},
                      {"has_ca", !oidc->ca_file.empty()}};
}

json::object auth_of(const Auth& auth) {
  return {{"method", to_string(auth.method)},
          {"allow_all", auth.allow_all},
          {"allowed_users", list(auth.allowed_users)},
          {"allowed_groups", list(auth.allowed_groups)},
          {"admin_groups", list(auth.admin_groups)},
          {"sign_up", auth.sign_up},
          {"attempts", {{"per_name", auth.failures_per_name},
                        {"per_address", auth.failures_per_address},
                        {"window_s", seconds(auth.failures_window)}}},
          {"directory", directory_of(auth.directory)},
          {"oidc", oidc_of(auth.oidc)}};
}

json::object spawner_of(const Spawner& spawner) {
  json::array mounts, accounts;
  for (const model::BindMount& mount : spawner.mounts) {
    mounts.push_back(json::object{{"source", mount.host_path},
                                  {"target", mount.container_path},
                                  {"read_only", mount.read_only}});
  }
  for (const MappedAccount& account : spawner.accounts) {
    accounts.push_back(json::object{
        {"user", account.user}, {"uid", account.uid}, {"gid", account.gid}});
  }
  return {{"kind", to_string(spawner.kind)},
          {"homes", spawner.homes},
          {"missing_home", to_string(spawner.missing_home)},
          {"mounts", std::move(mounts)},
          {"accounts", std::move(accounts)}};
}

// A limit of zero is none.
json::object idle_of(const Idle& idle) {
  const auto limit = [](model::Duration time) {
    return time == model::Duration{} ? json::value{} : json::value{seconds(time)};
  };
  return {{"enabled", idle.enabled},
          {"gpu_limit_s", limit(idle.gpu_limit)},
          {"limit_s", limit(idle.limit)},
          {"unknown_limit_s", seconds(idle.unknown_limit)},
          {"keep_s", seconds(idle.keep)},
          {"keep_max_s", seconds(idle.keep_max)},
          {"look_every_s", seconds(idle.look_every)},
          {"exempt_users", list(idle.exempt_users)},
          {"exempt_groups", list(idle.exempt_groups)}};
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
  if (!config.hub.public_url.empty()) return config.hub.public_url;
  const bool tls = config.tls.mode == TlsMode::files || config.tls.mode == TlsMode::self_signed;
  const bool v6 = config.hub.address.contains(':');
  return std::format("{}://{}{}{}:{}", tls ? "https" : "http", v6 ? "[" : "", config.hub.address,
                     v6 ? "]" : "", config.hub.port);
}

std::string hub_json(const Config& config) {
  return indented(
      {{"hub", {{"name", config.hub.name},
                {"admins", list(config.hub.admins)},
                {"named_servers", config.hub.named_servers},
                {"start_timeout_s", seconds(config.hub.start_timeout)}}},
       {"notebook", notebook_of(config.notebook)},
       {"profiles", profiles_of(config)},
       {"allocator", {{"socket", "/run/gpuhub/hub/allocator.sock"},
                      {"bind_timeout_s", config.allocator.bind_timeout.count() / 1000},
                      {"show_holders", to_string(config.allocator.show_holders)}}},
       {"queue", {{"enabled", config.queue.enabled},
                  {"max", config.queue.max},
                  {"renew_timeout_s", config.queue.renew_timeout.count() / 1000}}},
       {"auth", auth_of(config.auth)},
       {"spawner", spawner_of(config.spawner)},
       {"idle", idle_of(config.idle)},
       {"tls", {{"mode", to_string(config.tls.mode)}, {"proxies", list(config.tls.proxies)}}},
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
  std::string images;
  for (const std::string& image : config.notebook.images) images += (images.empty() ? "" : " ") + image;
  line("NOTEBOOK_IMAGES", images);
  line("SIMULATE", config.simulation ? std::to_string(config.simulation->gpus) : "");
  line("SIM_MODEL", config.simulation ? config.simulation->model : "");
  line("DRIVER", to_string(config.gpus.driver));
  line("SOURCE", to_string(config.gpus.source));
  line("PUBLIC_URL", public_url(config));
  line("AUTH_METHOD", to_string(config.auth.method));
  line("NOTEBOOK_SUBNET", config.notebook.subnet);
  line("NOTEBOOK_CA_FILE", config.notebook.ca_file);
  const Directory directory = config.auth.directory.value_or(Directory{});
  line("DIRECTORY_PASSWORD_FILE", directory.password_file);
  line("DIRECTORY_CA_FILE", directory.ca_file);
  const Oidc oidc = config.auth.oidc.value_or(Oidc{});
  line("OIDC_SECRET_FILE", oidc.client_secret_file);
  line("OIDC_CA_FILE", oidc.ca_file);
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
