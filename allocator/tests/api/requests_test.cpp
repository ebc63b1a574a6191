#include "api/requests.hpp"

#include <gtest/gtest.h>

namespace gpuhub::api {
namespace {

const Caller admin;
const Caller hub{model::HubName::parse("lab"), {}};
const Caller person{model::HubName::parse("local"), "ana"};

template <typename T>
std::string told(const Read<T>& read) {
  if (read) return "good";
  std::string out;
  for (const JsonFault& fault : read.error()) out += fault.pointer + ": " + fault.what + "\n";
  return out;
}
std::string ask(const std::string& gpus, const std::string& more = "") {
  return told(read_ask(R"({"request_id":"r-1","owner":{"user":"ana"},"gpus":)" + gpus + more + "}",
                       hub));
}

TEST(Ask, EveryFormOfGpusIsUnderstood) {
  const auto read = [](const std::string& gpus) {
    return read_ask(R"({"request_id":"r","mode":"exclusive","capabilities":["compute"],)"
                    R"("owner":{"user":"a","server":"s","groups":["g"]},"gpus":)" + gpus + "}",
                    hub);
  };
  const auto one = read(R"({"count":2})");
  ASSERT_TRUE(one) << told(one);
  EXPECT_EQ(one->owner, (model::Owner{*hub.hub, "a", "s"}));
  EXPECT_EQ(one->groups, std::vector<std::string>{"g"});
  EXPECT_EQ(one->mode, model::Mode::exclusive);
  EXPECT_EQ(one->capabilities, std::vector<std::string>{"compute"});
  EXPECT_EQ(one->want, model::Want{model::WantCount{2}});
  EXPECT_EQ(read(R"({"uuids":["GPU-b","GPU-a"]})")->want,
            (model::Want{model::WantGpus{{*model::GpuId::parse("GPU-b"),
                                          *model::GpuId::parse("GPU-a")}}}));
  EXPECT_EQ(read(R"({"positions":[2,0]})")->want, (model::Want{model::WantPositions{{2, 0}}}));
  EXPECT_EQ(read(R"({"all":true})")->want, model::Want{model::WantAll{}});
  EXPECT_EQ(read(R"({"none":true})")->want, model::Want{model::WantNone{}});
}

TEST(Ask, GpusIsExactlyOneForm) {
  EXPECT_EQ(ask(R"({"count":1})"), "good");
  EXPECT_EQ(ask("{}"), "/gpus: expected one of count, uuids, positions, all, none\n");
  EXPECT_EQ(ask(R"({"count":1,"all":true})"),
            "/gpus: expected one of count, uuids, positions, all, none\n");
  EXPECT_EQ(ask(R"({"count":0})"), "/gpus/count: out of range; allowed: 1 to 16384\n");
  EXPECT_EQ(ask(R"({"count":-1})"), "/gpus/count: out of range; allowed: 1 to 16384\n");
  EXPECT_EQ(ask(R"({"count":"1"})"), "/gpus/count: expected a whole number, not a string\n");
  EXPECT_EQ(ask(R"({"all":false})"), "/gpus/all: expected true, or leave it out\n");
  EXPECT_EQ(ask(R"({"uuids":[]})"), "/gpus/uuids: names no GPU; for none say {\"none\": true}\n");
  EXPECT_EQ(ask(R"({"uuids":["a","a"]})"), "/gpus/uuids/1: stands there twice\n");
  EXPECT_EQ(ask(R"({"positions":[]})"),
            "/gpus/positions: names no GPU; for none say {\"none\": true}\n");
  EXPECT_EQ(ask("7"), "/gpus: expected an object, not a whole number\n"
                      "/gpus: expected one of count, uuids, positions, all, none\n");
}

TEST(Ask, EveryFaultIsToldAtOnce) {
  EXPECT_EQ(told(read_ask(R"({"request_id":"a b","owner":{"user":"","x":1},"gpus":{"count":0},
                              "mode":"half","capabilities":["speed"],"gpu":1})", hub)),
            "/request_id: not allowed; allowed: 1 to 128 letters, digits and ._:-\n"
            "/owner/user: not allowed; allowed: 1 to 255 bytes without control characters\n"
            "/owner/x: unknown field; allowed: groups, server, user\n"
            "/gpus/count: out of range; allowed: 1 to 16384\n"
            "/mode: not allowed; allowed: \"shared\", \"exclusive\"\n"
            "/capabilities/0: not allowed; allowed: \"compute\", \"utility\", \"graphics\", "
            "\"video\", \"display\", \"compat32\", \"ngx\", \"all\"\n"
            "/gpu: unknown field; allowed: capabilities, gpus, mode, owner, request_id, wait\n");
  EXPECT_EQ(told(read_ask("{}", hub)), "/request_id: missing\n/owner: missing\n/gpus: missing\n");
  EXPECT_EQ(told(read_ask("[]", hub)).substr(0, 35), ": expected an object, not an array\n");
}

TEST(Ask, TheHubComesFromTheSocket) {
  const std::string named =
      R"({"request_id":"r","owner":{"user":"a","hub":"other"},"gpus":{"none":true}})";
  EXPECT_EQ(told(read_ask(named, hub)),
            "/owner/hub: unknown field; allowed: groups, server, user\n");
  EXPECT_EQ(read_ask(named, admin)->owner.hub.str(), "other");
  const std::string unnamed = R"({"request_id":"r","owner":{"user":"a"},"gpus":{"none":true}})";
  EXPECT_EQ(read_ask(unnamed, admin)->owner.hub.str(), "local");
  EXPECT_EQ(read_ask(unnamed, hub)->owner.hub.str(), "lab");
}

TEST(Roles, OnlyAdminAndNamedHubsAreKnown) {
  const std::optional<Caller> known = parse_role("admin");
  EXPECT_TRUE(known.has_value() && known->admin());
  EXPECT_EQ(parse_role("hub:lab")->hub->str(), "lab");
  EXPECT_EQ(parse_role("local", "ana")->account, "ana");
  for (const auto* bad : {"", "hub", "hub:", "hub:A", "root"}) EXPECT_FALSE(parse_role(bad)) << bad;
}

TEST(Bind, NeedsAFullContainerId) {
  const std::string id(64, 'a');
  EXPECT_EQ(told(read_bind(R"({"container":")" + id + R"(","epoch":"E1"})")), "good");
  EXPECT_EQ(told(read_bind(R"({"container":"abc"})")),
            "/container: not allowed; allowed: the engine's id: 64 of 0-9 and a-f\n"
            "/epoch: missing\n");
}

TEST(Listed, DevicesAndMountsAreTakenApart) {
  const auto gpus = read_listed(R"({"gpus":[{"uuid":"c-1","devices":["/dev/a:/dev/b","/dev/c"],
      "mounts":["/x:/y","/v:/w:rw","/m:/n:ro"],"slots":2},{"uuid":"c-2"}]})");
  ASSERT_TRUE(gpus) << told(gpus);
  EXPECT_EQ((*gpus)[0].devices,
            (std::vector<model::DeviceNode>{{"/dev/a", "/dev/b"}, {"/dev/c", "/dev/c"}}));
  EXPECT_EQ((*gpus)[0].mounts,
            (std::vector<model::BindMount>{{"/x", "/y", true}, {"/v", "/w", false},
                                           {"/m", "/n", true}}));
  EXPECT_EQ((*gpus)[1].model, "GPU");
  EXPECT_EQ(told(read_listed(R"({"gpus":[]})")), "good");
}

TEST(Listed, BadOnesAreNamed) {
  EXPECT_EQ(told(read_listed(R"({"gpus":[{"uuid":"a","slots":0},{"uuid":"a"},{},3,
                                 {"uuid":"b","devices":["/../etc"],"mounts":["/only"]}]})")),
            "/gpus/0/slots: out of range; allowed: 1 to 64\n"
            "/gpus/1/uuid: stands there twice\n"
            "/gpus/2/uuid: missing\n"
            "/gpus/3: expected an object, not a whole number\n"
            "/gpus/4/devices/0: not allowed; allowed: \"/dev/NAME\" or "
            "\"/dev/NAME:/dev/NAME-IN-CONTAINER\"\n"
            "/gpus/4/mounts/0: not allowed; allowed: \"/host/path:/container/path\", with \":rw\" "
            "if it may be written\n");
}

TEST(Ask, APersonOfThisHostIsWhoTheSocketSays) {
  const auto bare = read_ask(R"({"request_id":"r","gpus":{"count":1},"wait":true})", person);
  ASSERT_TRUE(bare) << told(bare);
  EXPECT_EQ(bare->owner, (model::Owner{*person.hub, "ana", ""}));
  EXPECT_TRUE(bare->wait);
  const auto named = read_ask(R"({"request_id":"r","owner":{"server":"x"},"gpus":{"all":true}})", person);
  ASSERT_TRUE(named) << told(named);
  EXPECT_EQ(named->owner.server, "x");
  EXPECT_FALSE(named->wait);
  EXPECT_EQ(told(read_ask(R"({"request_id":"r","owner":{"user":"bo"},"gpus":{"count":1}})", person)),
            "/owner/user: unknown field; allowed: server\n");
  EXPECT_TRUE(person.owns(bare->owner));
  EXPECT_FALSE(person.owns({*person.hub, "bo", ""}));
  EXPECT_FALSE(person.owns({*hub.hub, "ana", ""}));
}

TEST(Wait, SecondsAndRevision) {
  const auto read = [](const char* target) { return read_lease_wait(*http::parse_target(target)); };
  EXPECT_EQ(read("/x")->seconds, 0);
  EXPECT_EQ(read("/x?wait=50&revision=ab")->revision, "ab");
  EXPECT_EQ(told(read("/x?wait=51")), "?wait: not allowed; allowed: 1 to 50\n");
  EXPECT_EQ(told(read("/x?wait=1s")), "?wait: not allowed; allowed: 1 to 50\n");
  EXPECT_EQ(told(read("/x?revision=a")), "?revision: goes with wait\n");
  EXPECT_EQ(told(read("/x?wait=1&wait=2")), "?wait: stands there twice\n");
  EXPECT_EQ(told(read("/x?state=all")), "?state: unknown parameter; allowed: wait, revision\n");
}

TEST(GpuChange, IsAtLeastOneThing) {
  const auto gpu = *model::GpuId::parse("GPU-a");
  EXPECT_EQ(read_gpu_change(R"({"slots":3})", gpu)->setting.slots, 3);
  EXPECT_EQ(read_gpu_change(R"({"label":"old"})", gpu)->setting.label, "old");
  EXPECT_EQ(read_gpu_change(R"({"drain":false})", gpu)->setting.drained, false);
  EXPECT_TRUE(read_gpu_change(R"({"clear_fault":true})", gpu)->clear_fault);
  EXPECT_EQ(told(read_gpu_change("{}", gpu)), ": expected slots, label, drain or clear_fault\n");
  EXPECT_EQ(told(read_gpu_change(R"({"slots":65})", gpu)),
            "/slots: out of range; allowed: 1 to 64\n");
}

TEST(Filter, ParametersAreKnownAndOnce) {
  const auto filter = [](std::vector<std::pair<std::string, std::string>> query) {
    return read_lease_filter({"/v1/leases", {"v1", "leases"}, std::move(query)});
  };
  EXPECT_EQ(filter({})->state, LeaseFilter::State::live);
  EXPECT_EQ(filter({{"state", "all"}, {"user", "ana"}, {"server", ""}})->server, "");
  EXPECT_EQ(told(filter({{"state", "new"}, {"users", "a"}, {"user", "a"}, {"user", "b"}})),
            "?state: not allowed; allowed: live, ended, all\n"
            "?users: unknown parameter; allowed: state, user, server, limit\n"
            "?user: stands there twice\n");
  EXPECT_EQ(filter({{"limit", "20"}})->limit, 20);
  EXPECT_EQ(filter({})->limit, std::nullopt);
  for (const auto* wrong : {"0", "1001", "-1", "2x", ""}) {
    EXPECT_EQ(told(filter({{"limit", wrong}})), "?limit: not allowed; allowed: 1 to 1000\n");
  }
}

TEST(Person, IsNamedByAHubAndNotByPeople) {
  const auto read = [](const char* target, const Caller& caller = hub) {
    return read_person(*http::parse_target(target), caller);
  };
  EXPECT_EQ(*read("/v1/gpus"), std::nullopt);
  const auto both = read("/v1/gpus?user=ana&groups=lab,,all%20of%20us");
  ASSERT_TRUE(both) << told(both);
  EXPECT_EQ((*both)->user, "ana");
  EXPECT_EQ((*both)->groups, (std::vector<std::string>{"lab", "all of us"}));
  EXPECT_TRUE((*read("/v1/gpus?user=ana&groups="))->groups.empty());
  EXPECT_EQ(told(read("/v1/gpus?groups=lab")), "?groups: goes with user\n");
  EXPECT_EQ(told(read("/v1/gpus?user=")), "?user: not allowed\n");
  EXPECT_EQ(told(read("/v1/gpus?user=a&user=b")), "?user: stands there twice\n");
  EXPECT_EQ(told(read("/v1/gpus?user=a&x=b")), "?x: unknown parameter; allowed: user, groups\n");
  EXPECT_EQ(told(read("/v1/gpus?user=ana", person)), "?user: who calls is known by the socket\n");
}

}  // namespace
}  // namespace gpuhub::api
