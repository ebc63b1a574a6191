#include "api/write.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <chrono>
#include <format>

#include "api/answers.hpp"
#include "api/problem.hpp"

namespace gpuhub::api {
namespace {
namespace json = boost::json;

// What `fill` writes, read by another's parser.
template <typename Fill>
json::value read(const Fill& fill) {
  text::JsonText out;
  fill(out);
  return json::parse(std::move(out).finish());
}

model::Gpu gpu(const std::string& name, int index) {
  return {{*model::GpuId::parse(name), "A100", {40960}, {}, {}, {}, {}, {}}, index, 1, "", true, false, {}};
}
model::Lease lease(const std::string& user, std::vector<std::string> groups = {}) {
  model::Owner owner{*model::HubName::parse("hub"), user, ""};
  model::Request request{*model::RequestId::parse("r-" + user), owner, std::move(groups),
                         model::WantCount{1}, model::Mode::shared, {"compute"}, false};
  return {*model::LeaseId::parse("L-" + user), std::move(request), *model::HostName::parse("h1"),
          *model::Epoch::parse("E1"), model::LeaseState::granted, {*model::GpuId::parse("GPU-a")},
          {}, {1000}, {}, model::Instant{1000}, model::Instant{181'000}, {}, {1'700'000'000'123},
          model::WallTime{1'700'000'000'123}, {}, {}, {}, {}, {}};
}

std::string told(model::WallTime at) { return std::string{rfc3339(at)}; }

TEST(Write, TimesAreRfc3339WithMilliseconds) {
  EXPECT_EQ(told({0}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(told({1'700'000'000'123}), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(told({-1}), "1969-12-31T23:59:59.999Z");
  for (const std::int64_t ms : std::initializer_list<std::int64_t>{
           951'782'399'999, 951'782'400'007, 4'107'542'400'000, 86'399'050}) {
    const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds{ms}};
    EXPECT_EQ(told({ms}), std::format("{:%FT%T}Z", time));
  }
}

TEST(Write, ALeaseCarriesEverything) {
  const service::LeaseAnswer answer{lease("ana"), {gpu("GPU-a", 3)}, false, {}};
  inject::Machine machine;
  machine.engine_nvidia = true;
  const auto injection = inject::make(answer.lease, answer.gpus, machine);
  // 60 s of the bind timeout are over.
  const auto made = read([&](text::JsonText& out) {
    write_lease(out, answer, {.injection = &*injection, .now = {{61'000}, {1'700'000'060'123}}});
  });
  const json::value expected = json::parse(R"({
    "id":"L-ana","request_id":"r-ana","owner":{"hub":"hub","user":"ana","server":""},
    "state":"granted","reason":null,"exit_code":null,"oom_killed":null,"host":"h1",
    "gpus":[{"uuid":"GPU-a","index":3,"model":"A100","memory_mib":40960,"fault":null}],
    "wants":{"count":1},"mode":"shared","revision":"REV","queue":null,
    "granted_at":"2023-11-14T22:13:20.123Z",
    "capabilities":["compute"],"container":null,"epoch":"E1",
    "created_at":"2023-11-14T22:13:20.123Z","bound_at":null,"ended_at":null,
    "bind_expires_at":"2023-11-14T22:16:20.123Z","usage":null,
    "inject":{"driver":"nvidia","host_config":{"DeviceRequests":[
        {"Driver":"nvidia","DeviceIDs":["GPU-a"],"Capabilities":[["gpu"]]}],
        "Devices":[],"Mounts":[]},
      "environment":{"GPUHUB_GPUS":"GPU-a","GPUHUB_LEASE":"L-ana",
        "NVIDIA_DRIVER_CAPABILITIES":"compute"},
      "labels":{"gpuhub.epoch":"E1","gpuhub.gpus":"GPU-a","gpuhub.lease":"L-ana",
        "gpuhub.mode":"shared","gpuhub.owner":"hub/ana/"},
      "docker_run":["--label","gpuhub.epoch=E1","--label","gpuhub.gpus=GPU-a","--label",
        "gpuhub.lease=L-ana","--label","gpuhub.mode=shared","--label","gpuhub.owner=hub/ana/",
        "--env","GPUHUB_GPUS=GPU-a","--env","GPUHUB_LEASE=L-ana","--env",
        "NVIDIA_DRIVER_CAPABILITIES=compute","--gpus","\"device=GPU-a\""]}})");
  json::value with_revision = expected;
  with_revision.at("revision") = revision_of(answer);
  EXPECT_EQ(made, with_revision);
}

TEST(Write, AGpuShowsOwnersOnlyIfAllowed) {
  service::GpuView view{gpu("GPU-a", 0), 1, false, {lease("ana")}, {}, {}};
  const json::value open = read([&](text::JsonText& out) {
    write_gpu(out, view, {.host = "h1", .now = {}, .onlooker = {.admin = true, .groups = {}}});
  });
  EXPECT_EQ(open.at("mode"), "shared");
  EXPECT_EQ(open.at("used"), 1);
  EXPECT_EQ(open.at("load"), nullptr);
  EXPECT_EQ(open.at("leases").at(0).at("owner").at("user"), "ana");
  Onlooker nobody{.groups = {}, .show = config::ShowHolders::none};
  const json::value closed = read([&](text::JsonText& out) {
    write_gpu(out, view, {.host = "h1", .now = {}, .onlooker = nobody});
  });
  EXPECT_EQ(closed.at("leases").at(0).at("owner"), nullptr);
  EXPECT_EQ(json::serialize(closed).find("\"user\""), std::string::npos);
}

// Who of the holders `groups` may see, as "ana, bo + 1".
std::string seen(config::ShowHolders show, bool admin, const std::vector<std::string>& groups) {
  const std::vector leases{lease("ana", {"lab", "all"}), lease("bo", {"other"}), lease("cy")};
  const auto told = read([&](text::JsonText& out) {
    write_holders(out, leases, {{*model::GpuId::parse("GPU-a"), 3}}, {.admin = admin, .groups = groups, .show = show});
  });
  std::string out;
  for (const json::value& holder : told.at("holders").as_array()) {
    out += std::string{holder.at("user").as_string()} + " ";
    EXPECT_EQ(holder.at("index"), 3);
  }
  return out + "+ " + std::to_string(told.at("hidden").as_int64());
}

TEST(Write, HoldersAreShownByTheSetting) {
  using enum config::ShowHolders;
  EXPECT_EQ(seen(all, false, {}), "ana bo cy + 0");
  EXPECT_EQ(seen(group, false, {"lab"}), "ana + 2");
  EXPECT_EQ(seen(group, false, {}), "+ 3");
  EXPECT_EQ(seen(none, false, {"lab"}), "+ 3");
  EXPECT_EQ(seen(none, true, {}), "ana bo cy + 0");
}

TEST(Problems, AreRfc9457) {
  const http::Response made = problem(
      Problem::not_ready, "wait", [](text::JsonText& out) { out.number("x", 1); });
  EXPECT_EQ(made.status, 503);
  EXPECT_EQ(made.content_type, "application/problem+json");
  EXPECT_EQ(http::find_header(made.headers, "Retry-After"), "1");
  EXPECT_EQ(json::parse(made.body),
            json::parse(R"({"type":"urn:gpuhub:problem:not-ready","title":"Not ready yet",
                            "status":503,"detail":"wait","x":1})"));
  for (const auto& [status, slug] : std::map<int, std::string>{
           {400, "bad-request"}, {408, "timeout"}, {413, "too-large"}, {431, "head-too-large"},
           {500, "internal"}, {503, "not-ready"}, {599, "internal"}}) {
    const std::string body = problem_for_status(status, "").body;
    EXPECT_NE(body.find("problem:" + slug + "\""), std::string::npos);
  }
}

TEST(Problems, ABadRequestListsItsFaults) {
  const json::value body = json::parse(bad_request({{"/a", "missing"}, {"", "odd"}}).body);
  EXPECT_EQ(body.at("detail"), "/a: missing (and 1 more)");
  EXPECT_EQ(body.at("errors").at(1).at("detail"), "odd");
}

}  // namespace
}  // namespace gpuhub::api
