// [auth], [spawner], the network of [notebook], and who may choose which of [[profiles]].
#include <gtest/gtest.h>

#include "config/read.hpp"

namespace gpuhub::config {
namespace {

std::string faults(std::string_view text) {
  const auto config = read(text, "f");
  if (config) return "good";
  std::string out;
  for (const Fault& fault : config.error()) out += fault.text() + "\n";
  return out;
}

constexpr std::string_view directory =
    "[auth.directory]\nservers = ['ldap.example.org', 'b']\nbase = 'dc=example,dc=org'\n";

TEST(People, PamLetsEverybodyInWithoutAWord) {
  const auto config = read("", "f");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->auth.method, Method::pam);
  EXPECT_FALSE(config->auth.allow_all);
  EXPECT_EQ(config->auth.failures_per_name, 10);
  EXPECT_EQ(config->spawner.kind, SpawnerKind::docker);
  EXPECT_EQ(config->notebook.limits.pids, 2048);
}

TEST(People, EveryValueArrives) {
  const auto config = read(R"toml(
[auth]
method = "ldap"
allowed_users = ["ana"]
allowed_groups = ["gpu users", "b"]
admin_groups = ["admins"]
failures_per_name = 0
failures_per_address = 7
failures_window = "1h"
[auth.directory]
servers = ["a.example.org"]
port = 1389
tls = "ldaps"
ca_file = "/ca.pem"
base = "dc=example,dc=org"
account = "cn=s,dc=example,dc=org"
password_file = "/p"
user_base = "ou=p,dc=example,dc=org"
group_base = "ou=g,dc=example,dc=org"
user_filter = "(&(a=b)(c=*))"
name_attribute = "mail-nick"
timeout = "2s"
[spawner]
kind = "systemuser"
homes = "/srv/homes"
missing_home = "refuse"
mounts = ["/data:/data", "/scratch:/mnt/scratch:rw"]
[[spawner.accounts]]
user = "ana"
uid = 5001
gid = 100
[notebook]
reach = ["10.0.0.0/8", "192.0.2.4", "192.0.2.4:3128"]
subnet = "172.28.0.0/16"
)toml", "f");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->auth.allowed_groups, (std::vector<std::string>{"gpu users", "b"}));
  EXPECT_EQ(config->auth.failures_window.count(), 3'600'000);
  const Directory& told = *config->auth.directory;
  EXPECT_EQ(told.port, 1389);
  EXPECT_EQ(told.tls, DirectoryTls::ldaps);
  EXPECT_EQ(told.user_filter, "(&(a=b)(c=*))");
  EXPECT_EQ(told.timeout.count(), 2'000);
  EXPECT_EQ(config->spawner.missing_home, MissingHome::refuse);
  ASSERT_EQ(config->spawner.mounts.size(), 2U);
  EXPECT_TRUE(config->spawner.mounts[0].read_only);
  EXPECT_EQ(config->spawner.mounts[1].container_path, "/mnt/scratch");
  EXPECT_FALSE(config->spawner.mounts[1].read_only);
  EXPECT_EQ(config->spawner.accounts[0].uid, 5001);
  EXPECT_EQ(config->notebook.reach.size(), 3U);
}

TEST(People, ASectionOfAnotherMethodIsReadButDoesNotCount) {
  const auto config = read(std::string{directory}, "f");
  ASSERT_TRUE(config);
  EXPECT_FALSE(config->auth.directory);
}

TEST(People, AProfileMayOfferARangeOfGpus) {
  const auto config = read("[[profiles]]\nslug = 'a'\ngpus = '0-8'\n", "f");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->profiles[0].range->least, 0);
  EXPECT_EQ(config->profiles[0].range->most, 8);
  EXPECT_FALSE(read("[[profiles]]\nslug = 'a'\ngpus = 2\n", "f")->profiles[0].range);
}

struct Bad {
  std::string text;
  const char* fault;  // how one of the faults begins
};
class PeopleBad : public testing::TestWithParam<Bad> {};

TEST_P(PeopleBad, IsRefusedAtItsPlace) {
  const std::string all = faults(GetParam().text);
  EXPECT_NE(("\n" + all).find("\n" + std::string{GetParam().fault}), std::string::npos) << all;
}

const std::string ldap = "[auth]\nmethod = 'ldap'\n";

INSTANTIATE_TEST_SUITE_P(
    Values, PeopleBad,
    testing::Values(
        Bad{"[auth]\nmethod = 'nis'", "f:2:10: auth.method: \"nis\" is not known here"},
        Bad{ldap + std::string{directory}, "f:1:1: auth: method \"ldap\" knows many people"},
        Bad{"[auth]\nmethod = 'oidc'\n", "f:1:1: auth: method \"oidc\" knows many people"},
        Bad{ldap + "allow_all = true\n", "f:1:1: auth.directory.servers: missing"},
        Bad{ldap + "allow_all = true\n", "f:1:1: auth.directory.base: missing"},
        Bad{ldap + "allow_all = true\nallowed_users = ['a']\n", "f:3:13: auth.allow_all: every"},
        Bad{"[auth]\nallow_all = true\nallowed_groups = ['a']\n", "f:2:13: auth.allow_all: every"},
        Bad{"[auth]\nsign_up = true\n", "f:2:11: auth.sign_up: method \"pam\" has accounts made"},
        Bad{"[auth]\nallowed_groups = ['']", "f:2:19: auth.allowed_groups[0]: \"\" is not allowed"},
        Bad{"[auth]\nfailures_window = '2d'", "f:2:19: auth.failures_window: \"2d\""},
        Bad{"[auth.directory]\nservers = ['ldaps://a']", "f:2:12: auth.directory.servers[0]: "},
        Bad{ldap + "allow_all = true\n[auth.directory]\nservers = []\nbase = 'dc=a'\n",
            "f:5:11: auth.directory.servers: no server is named"},
        Bad{"[auth.directory]\nbase = 'example.org'", "f:2:8: auth.directory.base: "},
        Bad{"[auth.directory]\naccount = 'cn=a'", "f:1:1: auth.directory.password_file: missing"},
        Bad{"[auth.directory]\npassword_file = '/p'", "f:1:1: auth.directory.account: missing"},
        Bad{"[auth]\nmethod = 'ad'\nallow_all = true\n" + std::string{directory},
            "f:4:1: auth.directory.account: missing"},
        Bad{"[auth.directory]\nuser_filter = 'a=b'", "f:2:15: auth.directory.user_filter: "},
        Bad{"[auth.directory]\nuser_filter = '(a=b))'", "f:2:15: auth.directory.user_filter: "},
        Bad{"[auth.directory]\ntls = 'none'", "f:2:7: auth.directory.tls: \"none\" is not known"},
        Bad{"[auth.directory]\ntimeout = '9s'", "f:2:11: auth.directory.timeout: "},
        Bad{"[auth.oidc]\nissuer = 'http://a'", "f:2:10: auth.oidc.issuer: \"http://a\""},
        Bad{"[auth]\nmethod = 'oidc'\nallow_all = true\n", "f:1:1: auth.oidc.client_id: missing"},
        Bad{"[auth]\nmethod = 'oidc'\nallow_all = true\n", "f:1:1: hub.public_url: missing"},
        Bad{"[hub]\npublic_url = 'https://a/hub'", "f:2:14: hub.public_url: "},
        Bad{"[hub]\nnamed_servers = -1", "f:2:17: hub.named_servers: -1 is out of range"},
        Bad{"[tls]\nproxies = ['192.0.2.1']", "f:2:11: tls.proxies: no reverse proxy is said"},
        Bad{"[spawner]\nkind = 'swarm'", "f:2:8: spawner.kind: \"swarm\" is not known here"},
        Bad{"[spawner]\nhomes = 'home'", "f:2:9: spawner.homes: \"home\" is not allowed"},
        Bad{"[spawner]\nmounts = ['/a']", "f:2:11: spawner.mounts[0]: \"/a\" is not allowed"},
        Bad{"[[spawner.accounts]]\nuser = 'a'\nuid = 0\ngid = 1", "f:3:7: spawner.accounts[0].uid"},
        Bad{"[[spawner.accounts]]\nuser = 'a'\nuid = 1", "f:1:1: spawner.accounts[0].gid: missing"},
        Bad{"[[spawner.accounts]]\nuser = 'a'\nuid = 1\ngid = 1\n"
            "[[spawner.accounts]]\nuser = 'a'\nuid = 1\ngid = 1",
            "f:6:8: spawner.accounts[1].user: \"a\" stands here a second time"},
        Bad{"[notebook]\npids = 5", "f:2:8: notebook.pids: 5 is out of range"},
        Bad{"[notebook]\nreach = ['10.1.0.0/8']", "f:2:10: notebook.reach[0]: \"10.1.0.0/8\""},
        Bad{"[notebook]\nreach = ['a.org']", "f:2:10: notebook.reach[0]: \"a.org\" is not allowed"},
        Bad{"[notebook]\nreach = ['1.2.3.4:0']", "f:2:10: notebook.reach[0]: "},
        Bad{"[notebook]\nsubnet = '10.0.0.0/30'", "f:2:10: notebook.subnet: "},
        Bad{"[notebook]\nhttp_proxy = 'proxy:3128'", "f:2:14: notebook.http_proxy: "},
        Bad{"[notebook]\nno_proxy = 'a, b'", "f:2:12: notebook.no_proxy: \"a, b\" is not allowed"},
        Bad{"[[profiles]]\nslug = 'a'\ngpus = '4-1'", "f:3:8: profiles[0].gpus: \"4-1\""},
        Bad{"[[profiles]]\nslug = 'a'\ngpus = '1-'", "f:3:8: profiles[0].gpus: \"1-\""},
        Bad{"[[profiles]]\nslug = 'a'\ngpus = 1\nimages = ['x']",
            "f:4:10: profiles[0].images: \"x\" is not among the images"}));

}  // namespace
}  // namespace gpuhub::config
