// [auth] and [spawner].
#include <array>
#include <format>
#include <set>

#include "config/places.hpp"
#include "config/rules.hpp"
#include "config/sections.hpp"

namespace gpuhub::config {
namespace {
constexpr std::array<std::pair<std::string_view, Method>, 7> method_names{
    {{"pam", Method::pam},
     {"sssd", Method::sssd},
     {"ldap", Method::ldap},
     {"freeipa", Method::freeipa},
     {"ad", Method::ad},
     {"oidc", Method::oidc},
     {"native", Method::native}}};
constexpr std::array<std::pair<std::string_view, DirectoryTls>, 2> tls_names{
    {{"starttls", DirectoryTls::starttls}, {"ldaps", DirectoryTls::ldaps}}};
constexpr std::array<std::pair<std::string_view, SpawnerKind>, 2> kind_names{
    {{"docker", SpawnerKind::docker}, {"systemuser", SpawnerKind::systemuser}}};
constexpr std::array<std::pair<std::string_view, MissingHome>, 2> home_names{
    {{"create", MissingHome::create}, {"refuse", MissingHome::refuse}}};

constexpr int id_max = 2'147'483'647;

// `needed`: the method asks a directory, so what it cannot do without must be there.
Directory read_directory(Table table, Method method) {
  const bool needed = asks_directory(method);
  Directory out;
  take(out.servers, table.texts("servers", rules::server));
  out.port = table.integer("port", 1, 65535);
  take(out.tls, table.choice<DirectoryTls>("tls", tls_names));
  take(out.ca_file, table.text("ca_file", rules::host_path));
  take(out.base, table.text("base", rules::dn));
  take(out.account, table.text("account", rules::directory_account));
  take(out.password_file, table.text("password_file", rules::host_path));
  out.user_base = table.text("user_base", rules::dn);
  out.group_base = table.text("group_base", rules::dn);
  out.user_filter = table.text("user_filter", rules::filter);
  out.name_attribute = table.text("name_attribute", rules::attribute);
  take(out.timeout, table.duration("timeout", "1s", "8s"));
  if (needed) {
    table.required("servers", std::string{rules::server.allowed});
    table.required("base", std::string{rules::dn.allowed});
    if (table.has("servers") && out.servers.empty()) {
      table.fault("servers", "no server is named", std::string{rules::server.allowed});
    }
  }
  if (table.has("account") || (needed && method == Method::ad)) {
    table.required("password_file", "the path of a file that holds the password of account");
  }
  if (table.has("password_file") || (needed && method == Method::ad)) {
    table.required("account", std::string{rules::directory_account.allowed});
  }
  table.finish();
  return out;
}

Oidc read_oidc(Table table, bool needed) {
  Oidc out;
  take(out.issuer, table.text("issuer", rules::https_url));
  take(out.client_id, table.text("client_id", rules::client_id));
  take(out.client_secret_file, table.text("client_secret_file", rules::host_path));
  take(out.scopes, table.texts("scopes", rules::scope));
  take(out.name_claim, table.text("name_claim", rules::claim));
  take(out.groups_claim, table.text("groups_claim", rules::claim));
  take(out.ca_file, table.text("ca_file", rules::host_path));
  if (needed) {
    table.required("issuer", std::string{rules::https_url.allowed});
    table.required("client_id", std::string{rules::client_id.allowed});
    table.required("client_secret_file", std::string{rules::host_path.allowed});
  }
  table.finish();
  return out;
}

void check_who_may_enter(Table& table, const Auth& auth) {
  const bool named = !auth.allowed_users.empty() || !auth.allowed_groups.empty();
  if (auth.allow_all && named) {
    table.fault("allow_all", "everybody, and beside that only those who are named",
                "allow_all = true, or allowed_users and allowed_groups");
  }
  const bool wide = asks_directory(auth.method) || auth.method == Method::oidc;
  if (wide && !auth.allow_all && !named) {
    table.fault("", std::format("method \"{}\" knows many people, and none may enter",
                                to_string(auth.method)),
                "allowed_groups, allowed_users, or allow_all = true for all that it knows");
  }
}

void read_account(Table& table, Spawner& spawner, std::set<std::string>& seen) {
  MappedAccount account;
  take(account.user, table.text("user", rules::account));
  take(account.uid, table.integer("uid", 1, id_max));
  take(account.gid, table.integer("gid", 1, id_max));
  table.required("user", std::string{rules::account.allowed});
  table.required("uid", std::format("1 to {}", id_max));
  table.required("gid", std::format("1 to {}", id_max));
  if (!account.user.empty() && !seen.insert(account.user).second) {
    table.fault("user", std::format("\"{}\" stands here a second time", account.user),
                "each person once");
  }
  spawner.accounts.push_back(std::move(account));
}
}  // namespace

std::string_view to_string(Method method) {
  return method_names[static_cast<std::size_t>(method)].first;
}
std::string_view to_string(DirectoryTls tls) {
  return tls_names[static_cast<std::size_t>(tls)].first;
}
std::string_view to_string(SpawnerKind kind) {
  return kind_names[static_cast<std::size_t>(kind)].first;
}
std::string_view to_string(MissingHome choice) {
  return home_names[static_cast<std::size_t>(choice)].first;
}

Auth read_auth(Table table) {
  Auth auth;
  take(auth.method, table.choice<Method>("method", method_names));
  take(auth.allow_all, table.boolean("allow_all"));
  take(auth.allowed_users, table.texts("allowed_users", rules::account));
  take(auth.allowed_groups, table.texts("allowed_groups", rules::people_group));
  take(auth.admin_groups, table.texts("admin_groups", rules::people_group));
  take(auth.failures_per_name, table.integer("failures_per_name", 0, 10'000));
  take(auth.failures_per_address, table.integer("failures_per_address", 0, 1'000'000));
  take(auth.failures_window, table.duration("failures_window", "1s", "24h"));
  take(auth.sign_up, table.boolean("sign_up"));
  if (auth.sign_up && auth.method != Method::native) {
    table.fault("sign_up", std::format("method \"{}\" has accounts made elsewhere",
                                       to_string(auth.method)),
                "with method = \"native\"");
  }
  check_who_may_enter(table, auth);
  const bool oidc = auth.method == Method::oidc;
  Directory directory = read_directory(table.table("directory"), auth.method);
  Oidc provider = read_oidc(table.table("oidc"), oidc);
  if (asks_directory(auth.method)) auth.directory = std::move(directory);
  if (oidc) auth.oidc = std::move(provider);
  table.finish();
  return auth;
}

Spawner read_spawner(Table table) {
  Spawner spawner;
  take(spawner.kind, table.choice<SpawnerKind>("kind", kind_names));
  take(spawner.homes, table.text("homes", rules::host_path));
  take(spawner.missing_home, table.choice<MissingHome>("missing_home", home_names));
  if (const auto mounts = table.texts("mounts", rules::mount)) {
    spawner.mounts = bind_mounts(*mounts);
  }
  std::set<std::string> seen;
  table.tables("accounts", [&](Table& one) { read_account(one, spawner, seen); });
  table.finish();
  return spawner;
}

}  // namespace gpuhub::config
