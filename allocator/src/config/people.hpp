// Who may log in, by which method, and whose container it is: [auth] and [spawner] of gpuhub.toml.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/gpu.hpp"
#include "model/units.hpp"

namespace gpuhub::config {

enum class Method : std::uint8_t { pam, sssd, ldap, freeipa, ad, oidc, native };
enum class DirectoryTls : std::uint8_t { starttls, ldaps };
enum class SpawnerKind : std::uint8_t { docker, systemuser };
enum class MissingHome : std::uint8_t { create, refuse };

// Of the methods ldap, freeipa and ad. What is not set has a default that depends on the method;
// the hub knows it, because it knows how such directories are laid out.
struct Directory {
  std::vector<std::string> servers;  // tried in this order
  std::optional<int> port;
  DirectoryTls tls = DirectoryTls::starttls;  // the certificate is verified either way
  std::string ca_file;                        // empty: the authorities that the system trusts
  std::string base;
  std::string account;  // the service account; empty: anonymous
  std::string password_file;
  std::optional<std::string> user_base;
  std::optional<std::string> group_base;
  std::optional<std::string> user_filter;
  std::optional<std::string> name_attribute;
  model::Duration timeout{5'000};  // of one connection or answer
};
struct Oidc {
  std::string issuer;
  std::string client_id;
  std::string client_secret_file;
  std::vector<std::string> scopes{"openid", "profile", "email", "groups"};
  std::string name_claim = "preferred_username";
  std::string groups_claim = "groups";
  std::string ca_file;
};
struct Auth {
  Method method = Method::pam;
  bool allow_all = false;  // never together with the two below
  std::vector<std::string> allowed_users;
  std::vector<std::string> allowed_groups;
  std::vector<std::string> admin_groups;
  int failures_per_name = 10;  // within failures_window; 0: no limit
  int failures_per_address = 100;
  model::Duration failures_window{900'000};
  bool sign_up = false;  // of method native: people may ask for an account
  std::optional<Directory> directory;
  std::optional<Oidc> oidc;
};

// The account of a person whom neither the system nor the directory gives a uid.
struct MappedAccount {
  std::string user;
  int uid = 0;  // never 0
  int gid = 0;
};
struct Spawner {
  SpawnerKind kind = SpawnerKind::docker;
  std::string homes = "/home";  // the folder of the host in which homes lie
  MissingHome missing_home = MissingHome::create;
  std::vector<model::BindMount> mounts;  // in everybody's container
  std::vector<MappedAccount> accounts;
};

// Whether the method asks a directory server itself.
constexpr bool asks_directory(Method method) {
  return method == Method::ldap || method == Method::freeipa || method == Method::ad;
}

std::string_view to_string(Method method);
std::string_view to_string(DirectoryTls tls);
std::string_view to_string(SpawnerKind kind);
std::string_view to_string(MissingHome choice);

}  // namespace gpuhub::config
