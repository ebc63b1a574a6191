#include "config/export.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/read.hpp"

namespace gpuhub::config {
namespace {
namespace json = boost::json;

Config good(std::string_view text) {
  auto config = read(text, "f");
  EXPECT_TRUE(config);
  return config.value_or(Config{});
}

TEST(Export, HubJsonHoldsWhatTheHubNeeds) {
  const json::value hub = json::parse(hub_json(good(
      "[hub]\nadmins = ['ana']\n[notebook]\nmemory = '1GiB'\ncpus = 1.5\nimages = ['big:1']\n"
      "reach = ['10.1.0.0/16']\n"
      "[[profiles]]\nslug = 'two'\ngpus = 2\nmode = 'exclusive'\n"
      "[[profiles]]\nslug = 'some'\ngpus = '1-4'\ndefault = true\ngroups = ['vision lab']\n"
      "images = ['big:1']\nmemory = '2GiB'\ncpus = 2\nshm_size = '1MiB'\npids = 512\n"
      "idle_limit = '0s'\nmax_lifetime = '48h'\n"
      "[[profiles]]\nslug = 'none'\ngpus = 0\n"
      "[idle]\ngpu_limit = '30m'\nlimit = '0s'\nexempt_users = ['ana']\n")));
  const json::value expected = json::parse(R"({
    "hub": {"name": "hub", "admins": ["ana"], "start_timeout_s": 120, "named_servers": 3},
    "notebook": {"image": "gpuhub/notebook:0.1.0", "images": ["big:1"], "memory_bytes": 1073741824,
                 "cpus": 1.5E0, "shm_size_bytes": null, "pids": 2048, "reach": ["10.1.0.0/16"],
                 "http_proxy": null, "https_proxy": null, "no_proxy": null, "has_ca": false},
    "profiles": [
      {"slug": "two", "display_name": "two", "description": "", "gpus": {"count": 2},
       "mode": "exclusive", "default": false, "groups": [], "images": [], "memory_bytes": null,
       "cpus": null, "shm_size_bytes": null, "pids": null, "idle_limit_s": null,
       "max_lifetime_s": null},
      {"slug": "some", "display_name": "some", "description": "", "gpus": {"range": [1, 4]},
       "mode": "shared", "default": true, "groups": ["vision lab"], "images": ["big:1"],
       "memory_bytes": 2147483648, "cpus": 2.0E0, "shm_size_bytes": 1048576, "pids": 512,
       "idle_limit_s": 0, "max_lifetime_s": 172800},
      {"slug": "none", "display_name": "none", "description": "", "gpus": {"none": true},
       "mode": "shared", "default": false, "groups": [], "images": [], "memory_bytes": null,
       "cpus": null, "shm_size_bytes": null, "pids": null, "idle_limit_s": null,
       "max_lifetime_s": null}],
    "allocator": {"socket": "/run/gpuhub/hub/allocator.sock", "bind_timeout_s": 180,
                  "show_holders": "all"},
    "queue": {"enabled": true, "max": 100, "renew_timeout_s": 300},
    "auth": {"method": "pam", "allow_all": false, "allowed_users": [], "allowed_groups": [],
             "admin_groups": [], "sign_up": false, "directory": null, "oidc": null,
             "attempts": {"per_name": 10, "per_address": 100, "window_s": 900}},
    "spawner": {"kind": "docker", "homes": "/home", "missing_home": "create", "mounts": [],
                "accounts": []},
    "idle": {"enabled": true, "gpu_limit_s": 1800, "limit_s": null, "unknown_limit_s": 86400,
             "keep_s": 3600, "keep_max_s": 86400, "look_every_s": 20, "exempt_users": ["ana"],
             "exempt_groups": []},
    "tls": {"mode": "none", "proxies": []}, "public_url": "http://127.0.0.1:8000"})");
  json::value versioned = expected;
  versioned.at("notebook").at("image") = "gpuhub/notebook:" GPUHUB_VERSION;
  EXPECT_EQ(hub, versioned);
}

TEST(Export, ComposeEnvNamesEachSetting) {
  EXPECT_EQ(compose_env(good("[hub]\naddress = '10.0.0.5'\nport = 8443\n[tls]\n"
                             "certificate = '/c.pem'\nkey = '/k.pem'\n[simulation]\ngpus = 2\n"
                             "[gpus]\ndriver = 'cdi'\n[notebook]\nimage = 'i:1'\n"
                             "images = ['i:2', 'i:3']\nsubnet = '10.9.0.0/16'\n"
                             "ca_file = '/n.pem'\n[auth]\nmethod = 'ldap'\nallow_all = true\n"
                             "[auth.directory]\nservers = ['l.org']\nbase = 'dc=l'\n"
                             "account = 'cn=s'\npassword_file = '/p'\nca_file = '/d.pem'\n"
                             "[spawner]\nkind = 'systemuser'\nhomes = '/h'\n")),
            "# Made from gpuhub.toml by gpu-allocator --export: change that file instead.\n"
            "GPUHUB_ADDRESS='10.0.0.5'\nGPUHUB_PORT='8443'\nGPUHUB_TLS='files'\n"
            "GPUHUB_TLS_CERT='/c.pem'\nGPUHUB_TLS_KEY='/k.pem'\nGPUHUB_NOTEBOOK_IMAGE='i:1'\n"
            "GPUHUB_NOTEBOOK_IMAGES='i:2 i:3'\nGPUHUB_SIMULATE='2'\n"
            "GPUHUB_SIM_MODEL='A100-40G'\nGPUHUB_DRIVER='cdi'\n"
            "GPUHUB_SOURCE='nvml'\nGPUHUB_PUBLIC_URL='https://10.0.0.5:8443'\n"
            "GPUHUB_AUTH_METHOD='ldap'\n"
            "GPUHUB_NOTEBOOK_SUBNET='10.9.0.0/16'\nGPUHUB_NOTEBOOK_CA_FILE='/n.pem'\n"
            "GPUHUB_DIRECTORY_PASSWORD_FILE='/p'\nGPUHUB_DIRECTORY_CA_FILE='/d.pem'\n"
            "GPUHUB_OIDC_SECRET_FILE=''\nGPUHUB_OIDC_CA_FILE=''\n"
            "GPUHUB_LOCAL=''\nGPUHUB_LOCAL_GROUP='docker'\n");
}

TEST(Export, AnIpv6AddressStandsInBrackets) {
  EXPECT_EQ(public_url(good("[hub]\naddress = '::1'\n")), "http://[::1]:8000");
}

TEST(Export, WhereThePublicFindsItIsSaidByTheFileOrMadeOfItsAddress) {
  EXPECT_EQ(public_url(good("[hub]\npublic_url = 'https://hub.example.org'\n")),
            "https://hub.example.org");
}

TEST(Export, DirectoryAndProviderWithWhatIsNotSetAsNull) {
  const json::value hub = json::parse(hub_json(good(
      "[auth]\nmethod = 'ad'\nallowed_groups = ['g']\n[auth.directory]\nservers = ['a', 'b']\n"
      "base = 'dc=ad'\naccount = 's@ad'\npassword_file = '/p'\ntls = 'ldaps'\n")));
  EXPECT_EQ(hub.at("auth").at("directory"), json::parse(R"({
    "servers": ["a", "b"], "port": null, "tls": "ldaps", "has_ca": false, "base": "dc=ad",
    "account": "s@ad", "user_base": null, "group_base": null, "user_filter": null,
    "name_attribute": null, "timeout_s": 5})"));
  const json::value other = json::parse(hub_json(good(
      "[hub]\npublic_url = 'https://h'\n[auth]\nmethod = 'oidc'\nallow_all = true\n[auth.oidc]\n"
      "issuer = 'https://i/x'\nclient_id = 'c'\nclient_secret_file = '/s'\nca_file = '/c'\n")));
  EXPECT_EQ(other.at("auth").at("oidc"), json::parse(R"({
    "issuer": "https://i/x", "client_id": "c", "scopes": ["openid", "profile", "email", "groups"],
    "name_claim": "preferred_username", "groups_claim": "groups", "has_ca": true})"));
  EXPECT_TRUE(other.at("auth").at("directory").is_null());
}

TEST(Export, WritesBothFilesAndLeavesNoHalves) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("gpuhub-export-" + std::to_string(std::rand()));
  std::filesystem::create_directory(folder);
  ASSERT_TRUE(write_export(good(""), folder));
  ASSERT_TRUE(write_export(good("[hub]\nport = 81\n"), folder));
  std::ostringstream text;
  text << std::ifstream{folder / "compose.env"}.rdbuf();
  EXPECT_NE(text.str().find("GPUHUB_PORT='81'"), std::string::npos);
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator{folder}) ++files;
  EXPECT_EQ(files, 2);
  std::filesystem::remove_all(folder);
}

TEST(Export, AFolderThatIsNotThereIsSaid) {
  const auto done = write_export(good(""), "/nonexistent");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error(), "cannot write /nonexistent/hub.json.new: No such file or directory");
}

}  // namespace
}  // namespace gpuhub::config
