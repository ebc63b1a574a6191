#include "config/read.hpp"

#include <gtest/gtest.h>

namespace gpuhub::config {
namespace {

// All faults of `text`, one per line; "good" if there is none.
std::string faults(std::string_view text) {
  const auto config = read(text, "f");
  if (config) return "good";
  std::string out;
  for (const Fault& fault : config.error()) out += fault.text() + "\n";
  return out;
}

TEST(Read, AnEmptyFileGivesTheDefaults) {
  const auto config = read("", "f");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->hub.address, "127.0.0.1");
  EXPECT_EQ(config->hub.port, 8000);
  EXPECT_EQ(config->allocator.bind_timeout.count(), 180'000);
  EXPECT_EQ(config->allocator.history, 10'000);
  EXPECT_EQ(config->gpus.slots, 1);
  EXPECT_EQ(config->gpus.driver, Driver::automatic);
  EXPECT_EQ(config->gpus.capabilities, (std::vector<std::string>{"compute", "utility"}));
  EXPECT_FALSE(config->simulation);
  EXPECT_EQ(config->notebook.image, "gpuhub/notebook:" GPUHUB_VERSION);
  ASSERT_EQ(config->profiles.size(), 2U);
  EXPECT_TRUE(config->profiles[0].is_default);
}

TEST(Read, EveryValueArrives) {
  const auto config = read(R"(
[hub]
name = "lab"
address = "0.0.0.0"
port = 443
admins = ["ana", "bo"]
start_timeout = "90s"
[tls]
certificate = "/c.pem"
key = "/k.pem"
[allocator]
bind_timeout = "2m"
show_holders = "group"
conflicts = "stop"
history = 5
log = "debug"
log_format = "json"
[gpus]
source = "listed"
slots = 3
driver = "devices"
capabilities = ["compute"]
[[gpus.override]]
uuid = "card-1"
slots = 2
label = "old"
[[gpus.listed]]
uuid = "card-1"
model = "Card"
memory_mib = 1024
devices = ["/dev/a", "/dev/b:/dev/c"]
mounts = ["/x:/y", "/v:/w:rw"]
slots = 4
[notebook]
image = "img:1"
memory = "2GiB"
cpus = 2
shm_size = "1GiB"
[[profiles]]
slug = "x"
display_name = "X"
description = "d"
gpus = "all"
mode = "exclusive"
default = true
[auth]
method = "pam"
)", "f");
  ASSERT_TRUE(config) << faults("");
  EXPECT_EQ(config->hub.name, "lab");
  EXPECT_EQ(config->hub.admins.size(), 2U);
  EXPECT_EQ(config->tls.mode, TlsMode::files);
  EXPECT_EQ(config->allocator.show_holders, ShowHolders::group);
  EXPECT_EQ(config->allocator.conflicts, Conflicts::stop);
  EXPECT_EQ(config->allocator.log_format, LogFormat::json);
  ASSERT_EQ(config->gpus.listed.size(), 1U);
  const model::GpuInfo& gpu = config->gpus.listed[0];
  EXPECT_EQ(gpu.devices,
            (std::vector<model::DeviceNode>{{"/dev/a", "/dev/a"}, {"/dev/b", "/dev/c"}}));
  EXPECT_EQ(gpu.mounts, (std::vector<model::BindMount>{{"/x", "/y", true}, {"/v", "/w", false}}));
  EXPECT_EQ(gpu.slots, 4);
  EXPECT_EQ(config->gpus.overrides[0].label, "old");
  EXPECT_EQ(config->notebook.limits.memory_bytes, 2LL << 30);
  EXPECT_EQ(config->notebook.limits.cpus, 2.0);
  EXPECT_TRUE(std::holds_alternative<model::WantAll>(config->profiles[0].gpus));
  EXPECT_EQ(config->profiles[0].mode, model::Mode::exclusive);
}

TEST(Read, UnknownKeysAreNamedWithTheirPlaceAndTheNearestKnownOne) {
  EXPECT_EQ(faults("[gpus]\n  slotz = 2\n"),
            "f:2:3: gpus.slotz: unknown key; did you mean \"slots\"?; allowed: capabilities, "
            "driver, fault_quiet, foreign, ignore_xids, listed, override, policy, slots, source, "
            "watchers\n");
  EXPECT_EQ(faults("[gpu]\nslots = 2\n"),
            "f:1:2: gpu: unknown key; did you mean \"gpus\"?; allowed: allocator, auth, gpus, hub, "
            "idle, local, notebook, profiles, queue, simulation, spawner, tls\n");
}

TEST(Read, AllFaultsAreToldInTheOrderOfTheFile) {
  EXPECT_EQ(faults("[hub]\nport = 0\n[gpus]\nslots = 65\npolicy = 'fair'\n[auth]\nmethod = 1\n"),
            "f:2:8: hub.port: 0 is out of range; allowed: 1 to 65535\n"
            "f:4:9: gpus.slots: 65 is out of range; allowed: 1 to 64\n"
            "f:5:10: gpus.policy: \"fair\" is not known here; allowed: \"least_used\"\n"
            "f:7:10: auth.method: 1 is not known here; allowed: \"pam\", \"sssd\", \"ldap\", "
            "\"freeipa\", \"ad\", \"oidc\", \"native\"\n");
}

TEST(Read, BrokenTomlIsOneFaultWithItsPlace) {
  EXPECT_TRUE(faults("[hub\n").starts_with("f:1:5: not TOML: ")) << faults("[hub\n");
  EXPECT_TRUE(faults("[hub]\nport = 1\nport = 2\n").starts_with("f:3:")) << faults("a=1\na=2");
}

struct Bad {
  const char* text;
  const char* fault;  // how one of the faults begins
};
class ReadBad : public testing::TestWithParam<Bad> {};

TEST_P(ReadBad, IsRefusedAtItsPlace) {
  const std::string all = faults(GetParam().text);
  EXPECT_NE(("\n" + all).find("\n" + std::string{GetParam().fault}), std::string::npos) << all;
}

INSTANTIATE_TEST_SUITE_P(
    Values, ReadBad,
    testing::Values(
        Bad{"hub = 1", "f:1:7: hub: 1 is not a table"},
        Bad{"[hub]\nname = 'Hub'", "f:2:8: hub.name: \"Hub\" is not allowed"},
        Bad{"[hub]\naddress = 'localhost'", "f:2:11: hub.address: \"localhost\" is not allowed"},
        Bad{"[hub]\nadmins = 'ana'", "f:2:10: hub.admins: \"ana\" is not an array"},
        Bad{"[hub]\nadmins = ['ana', 3]", "f:2:18: hub.admins[1]: 3 is not a text"},
        Bad{"[hub]\nport = 'http'", "f:2:8: hub.port: \"http\" is not a whole number"},
        Bad{"[hub]\nport = 80.0", "f:2:8: hub.port: 80 is not a whole number"},
        Bad{"[hub]\nstart_timeout = 90", "f:2:17: hub.start_timeout: 90 is not a duration"},
        Bad{"[hub]\nstart_timeout = '3m'", "f:2:17: hub.start_timeout: 180 s is not less than "
                                           "allocator.bind_timeout, 180 s"},
        Bad{"[allocator]\nbind_timeout = '2m'", "f:1:1: hub.start_timeout: 120 s is not less"},
        Bad{"[hub]\naddress = '0.0.0.0'", "f:2:11: hub.address: \"0.0.0.0\" is reached over"},
        Bad{"[hub]\naddress = '0.0.0.0'\n[tls]\nself_signed = false", "f:2:11: hub.address: "},
        Bad{"[tls]\ncertificate = '/c'", "f:1:1: tls.key: missing"},
        Bad{"[tls]\nself_signed = true\nbehind_proxy = true", "f:1:1: tls: more than one way"},
        Bad{"[tls]\nself_signed = 'yes'", "f:2:15: tls.self_signed: \"yes\" is not allowed"},
        Bad{"[allocator]\nlog = 'loud'", "f:2:7: allocator.log: \"loud\" is not known here"},
        Bad{"[gpus]\nslots = 0", "f:2:9: gpus.slots: 0 is out of range"},
        Bad{"[gpus]\nslots = true", "f:2:9: gpus.slots: true is not a whole number"},
        Bad{"[gpus]\nslots = 99999999999999", "f:2:9: gpus.slots: 99999999999999 is out of range"},
        Bad{"[gpus]\ncapabilities = ['speed']", "f:2:17: gpus.capabilities[0]: \"speed\""},
        Bad{"[gpus]\noverride = 1", "f:2:12: gpus.override: 1 is not an array of tables"},
        Bad{"[[gpus.override]]\nslots = 2", "f:1:1: gpus.override[0].uuid: missing"},
        Bad{"[[gpus.override]]\nuuid = 'a'\n[[gpus.override]]\nuuid = 'a'",
            "f:4:8: gpus.override[1].uuid: \"a\" stands here a second time"},
        Bad{"[[gpus.override]]\nuuid = 'a,b'", "f:2:8: gpus.override[0].uuid: \"a,b\" is not"},
        Bad{"\n[[gpus.listed]]\nuuid = 'a'", "f:2:1: gpus.listed: GPUs are listed, but"},
        Bad{"[gpus]\nsource = 'listed'\n[[gpus.listed]]\nuuid = 'a'\ndevices = ['dev/a']",
            "f:5:12: gpus.listed[0].devices[0]: \"dev/a\" is not allowed"},
        Bad{"[gpus]\nsource = 'listed'\ndriver = 'devices'\n[[gpus.listed]]\nuuid = 'a'",
            "f:4:1: gpus.listed[0].devices: missing, though gpus.driver"},
        Bad{"[gpus]\nsource = 'listed'\ndriver = 'nvidia'\n[[gpus.listed]]\nuuid = 'a'",
            "f:5:8: gpus.listed[0].uuid: \"a\" is no GPU that driver"},
        Bad{"[gpus]\nsource = 'listed'\n[simulation]", "f:2:10: gpus.source: [simulation] needs"},
        Bad{"[simulation]\ngpus = 17", "f:2:8: simulation.gpus: 17 is out of range"},
        Bad{"[simulation]\nmodel = 'B200'", "f:2:9: simulation.model: \"B200\" is not known"},
        Bad{"[notebook]\nmemory = '1MiB'", "f:2:10: notebook.memory: \"1MiB\" is too small"},
        Bad{"[notebook]\nmemory = 8", "f:2:10: notebook.memory: 8 is not a size"},
        Bad{"[notebook]\ncpus = nan", "f:2:8: notebook.cpus: nan is out of range"},
        Bad{"[notebook]\nimage = \"a'b\"", "f:2:9: notebook.image: \"a'b\" is not allowed"},
        Bad{"[[profiles]]\nslug = 'a'", "f:1:1: profiles[0].gpus: missing"},
        Bad{"[[profiles]]\nslug = 'a'\ngpus = 'many'", "f:3:8: profiles[0].gpus: \"many\""},
        Bad{"[[profiles]]\nslug = 'a'\ngpus = 1\n[[profiles]]\nslug = 'a'\ngpus = 1",
            "f:5:8: profiles[1].slug: \"a\" stands here a second time"},
        Bad{"[[profiles]]\nslug = 'a'\ngpus = 1\ndefault = true\n"
            "[[profiles]]\nslug = 'b'\ngpus = 1\ndefault = true",
            "f:8:11: profiles[1].default: profile \"a\" is the default already"}));

TEST(Read, AFileOfUnreasonableSizeIsRefused) {
  EXPECT_EQ(faults(std::string(file_max + 1, '#')), "f:1:1: the file is larger than 1 MiB\n");
}

}  // namespace
}  // namespace gpuhub::config
