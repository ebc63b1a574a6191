#include "api/write_usage.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "api/write.hpp"

namespace gpuhub::api {
namespace {
namespace json = boost::json;

constexpr model::Now now{{61'000}, {1'700'000'061'000}};

template <typename Fill>
json::value read(const Fill& fill) {
  text::JsonText out;
  fill(out);
  return json::parse(std::move(out).finish());
}
json::value written(const usage::LeaseUsage* use) {
  return read([&](text::JsonText& out) { write_usage(out, "usage", use, now); }).at("usage");
}
json::value written(const model::GpuLoad* load, const usage::GpuUsage& use) {
  return read([&](text::JsonText& out) { write_load(out, "load", load, use); }).at("load");
}

TEST(WriteUsage, TellsAllOfALease) {
  usage::LeaseUsage use;
  use.measured = usage::Measured::gpu;
  use.why = "no more is told";
  use.since = model::Instant{1'000};
  use.busy = false;
  use.last_busy = model::Instant{31'000};
  use.idle_for = model::Duration{30'900};
  use.utilisation = usage::Utilisation{.now = 0, .average = {0.43333, 0.5, 1}};
  use.memory = model::Mebibytes{2048};
  use.processes = 2;
  EXPECT_EQ(written(&use), json::parse(R"({"measured":"gpu","why":"no more is told",
    "since":"2023-11-14T22:13:21.000Z","busy":false,"last_busy_at":"2023-11-14T22:13:51.000Z",
    "idle_for_s":30,"utilisation":{"now":0.0,"1m":0.433,"5m":0.5,"15m":1.0},
    "memory_used_mib":2048,"processes":2})"));
}

TEST(WriteUsage, TellsThatNothingCanBeTold) {
  usage::LeaseUsage use;
  use.why = "not yet";
  EXPECT_EQ(written(&use), json::parse(R"({"measured":"none","why":"not yet","since":null,
    "busy":null,"last_busy_at":null,"idle_for_s":null,"utilisation":null,"memory_used_mib":null,
    "processes":null})"));
  EXPECT_EQ(written(nullptr), nullptr);
}

TEST(WriteUsage, TellsTheLoadOfAGpu) {
  const model::GpuLoad load{.gpu_util_percent = 40, .memory_util_percent = {},
                            .memory_used = model::Mebibytes{7}};
  EXPECT_EQ(written(&load, {}), json::parse(R"({"gpu_util":40,"memory_util":null,
    "memory_used_mib":7,"average":null,"processes":null,"foreign":null})"));
  EXPECT_EQ(written(&load, {.average = usage::Rates{0.4, 0.3, 0.2}, .processes = 3,
                            .foreign = usage::Foreign{.processes = 1, .memory = {5}, .util = {}}}),
            json::parse(R"({"gpu_util":40,"memory_util":null,"memory_used_mib":7,
    "average":{"1m":0.4,"5m":0.3,"15m":0.2},"processes":3,
    "foreign":{"processes":1,"memory_used_mib":5,"utilisation":null}})"));
  EXPECT_EQ(written(nullptr, {}), nullptr);
}

TEST(WriteUsage, AChangeOfLoadIsNoNewsOfTheLease) {
  const model::Owner owner{*model::HubName::parse("hub"), "ana", ""};
  const model::Request request{*model::RequestId::parse("r"), owner, {}, model::WantCount{1},
                               model::Mode::shared, {}, false};
  model::Lease lease{.id = *model::LeaseId::parse("L-1"), .request = request,
                     .host = *model::HostName::parse("h1"), .epoch = *model::Epoch::parse("E"),
                     .gpus = {}, .container = {}, .asked_at = {}, .queue_expires_at = {},
                     .granted_at = {}, .bind_expires_at = {}, .ended_at = {}, .created_wall = {},
                     .granted_wall = {}, .bound_wall = {}, .ended_wall = {}, .reason = {},
                     .exit_code = {}, .oom_killed = {}};
  const service::LeaseAnswer answer{.lease = lease, .gpus = {}, .waiting = {}};
  usage::LeaseUsage busy, idle;
  busy.busy = true;
  idle.busy = false;
  const auto revision = [&](const usage::LeaseUsage& use) {
    return read([&](text::JsonText& out) {
      write_lease(out, answer, {.now = now, .usage = &use});
    }).at("revision");
  };
  EXPECT_EQ(revision(busy), revision(idle));
}

// Whom `onlooker` sees of ana (groups lab and all) and bo (group other).
std::string seen(const Onlooker& onlooker) {
  std::string out;
  for (const auto& [user, groups] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"ana", {"lab", "all"}}, {"bo", {"other"}}}) {
    const model::Owner owner{*model::HubName::parse("hub"), user, ""};
    const model::Request request{*model::RequestId::parse("r"), owner, groups,
                                 model::WantCount{1}, model::Mode::shared, {}, false};
    model::Lease lease{.id = *model::LeaseId::parse("L-" + user), .request = request,
                       .host = *model::HostName::parse("h1"), .epoch = *model::Epoch::parse("E"),
                       .gpus = {}, .container = {}, .asked_at = {}, .queue_expires_at = {},
                       .granted_at = {}, .bind_expires_at = {}, .ended_at = {}, .created_wall = {},
                       .granted_wall = {}, .bound_wall = {}, .ended_wall = {}, .reason = {},
                       .exit_code = {}, .oom_killed = {}};
    if (onlooker.sees(lease)) out += (out.empty() ? "" : " ") + user;
  }
  return out;
}

TEST(Onlooker, SeesAsFarAsTheSettingAllows) {
  using enum config::ShowHolders;
  const std::vector<std::string> lab{"lab"}, other{"other"};
  const auto hub = *model::HubName::parse("hub"), another = *model::HubName::parse("another");
  EXPECT_EQ(seen({.groups = {}, .show = all}), "ana bo");
  EXPECT_EQ(seen({.groups = {}, .show = none}), "");
  EXPECT_EQ(seen({.admin = true, .groups = {}, .show = none}), "ana bo");
  EXPECT_EQ(seen({.groups = {}, .show = none, .user = "ana", .hub = &hub}), "ana");
  EXPECT_EQ(seen({.groups = {}, .show = none, .user = "ana"}), "ana") << "of any hub";
  EXPECT_EQ(seen({.groups = {}, .show = none, .user = "ana", .hub = &another}), "");
  EXPECT_EQ(seen({.groups = other, .show = group, .user = "ana", .hub = &hub}), "ana bo");
  EXPECT_EQ(seen({.groups = lab, .show = group, .user = "cy", .hub = &hub}), "ana");
  EXPECT_EQ(seen({.groups = lab, .show = none, .user = "cy", .hub = &hub}), "");
}

}  // namespace
}  // namespace gpuhub::api
