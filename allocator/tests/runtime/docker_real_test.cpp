// The adapter against the engine of this machine, with containers that the test makes and removes.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <format>
#include <optional>

#include "http/client.hpp"
#include "runtime/docker_engine.hpp"

namespace gpuhub::runtime {
namespace {

using std::chrono::milliseconds;
constexpr const char* socket_path = "/var/run/docker.sock";
constexpr milliseconds patience{30'000};
const std::string our_labels = R"("Labels":{"gpuhub.lease":"L-test-1","other":"x"})";

class RealEngine : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access(socket_path, R_OK | W_OK) != 0) {
      GTEST_SKIP() << "needs an engine at " << socket_path;
    }
    if (call("GET", "/images/debian:trixie-slim/json").status != 200) {
      GTEST_SKIP() << "needs the image debian:trixie-slim";
    }
    engine.emplace(
        loop, DockerSettings{}, [](const std::string&) {},
        [](const std::string& what) { ADD_FAILURE() << what; });
  }
  void TearDown() override {
    for (const std::string& id : made) call("DELETE", "/containers/" + id + "?force=1&v=1");
  }
  static http::Response call(const char* method, const std::string& target, std::string body = {}) {
    auto answer = http::call_and_wait(
        socket_path,
        {.method = method, .target = target, .headers = {}, .body = std::move(body)},
        {.time = patience});
    return answer ? *answer : http::Response{.status = 0, .content_type = {}, .headers = {},
                                             .body = answer.error().message};
  }
  model::ContainerId create(const std::string& command, const std::string& host_config = "{}",
                            const std::string& more = our_labels) {
    const auto answer = call("POST", "/containers/create",
                             R"({"Image":"debian:trixie-slim","Cmd":["sh","-c",")" + command +
                                 R"("],)" + more + R"(,"HostConfig":)" + host_config + "}");
    const std::size_t at = answer.body.find("\"Id\":\"");
    const auto id = model::ContainerId::parse(
        at == std::string::npos ? "" : std::string_view{answer.body}.substr(at + 6, 64));
    if (!id) throw std::runtime_error{"cannot create: " + answer.body};
    made.emplace_back(id->str());
    return *id;
  }
  static void start(const model::ContainerId& id) {
    const auto answer = call("POST", std::format("/containers/{}/start", id.str()));
    EXPECT_EQ(answer.status, 204) << answer.body;
  }
  template <typename T, typename Start>
  std::expected<T, Error> wait(const Start& begin) {
    std::optional<std::expected<T, Error>> answer;
    begin([&answer](std::expected<T, Error> got) { answer = std::move(got); });
    loop.run_until([&] { return answer.has_value(); }, patience);
    return answer.value_or(std::unexpected(Error{ErrorKind::unreachable, "the test's patience"}));
  }
  std::expected<Container, Error> inspect(const model::ContainerId& id) {
    return wait<Container>([&](auto done) { engine->inspect(id, std::move(done)); });
  }
  // What the list says of it, or nothing.
  std::optional<Container> listed(const model::ContainerId& id) {
    const auto list =
        wait<std::vector<Container>>([&](auto done) { engine->list(std::move(done)); });
    EXPECT_TRUE(list) << list.error().message;
    const auto at = std::ranges::find(*list, id, &Container::id);
    return at == list->end() ? std::nullopt : std::optional{*at};
  }
  std::expected<std::monostate, Error> remove(const model::ContainerId& id) {
    return wait<std::monostate>([&](auto done) { engine->remove_created(id, std::move(done)); });
  }

  http::Loop loop;
  std::optional<DockerEngine> engine;
  std::vector<std::string> made;
};

TEST_F(RealEngine, TellsAContainersWholeLife) {
  std::string seen;
  bool connected = false;
  std::optional<model::ContainerId> ours;
  engine->watch([&](Signal signal) {
    if (std::holds_alternative<Connected>(signal)) connected = true;
    const auto* event = std::get_if<ContainerEvent>(&signal);
    if (event == nullptr || event->container != ours) return;
    static constexpr const char* kinds[] = {"created;", "started;",   "died;",
                                            "oom;",     "destroyed;", "other;"};
    seen += kinds[static_cast<int>(event->kind)];
    // An image may have labels of its own, as a base made by debootstrap has.
    const auto lease = event->labels.find("gpuhub.lease");
    EXPECT_TRUE(lease != event->labels.end() && lease->second == "L-test-1") << seen;
    if (event->kind == EventKind::died) seen += std::to_string(event->exit_code.value_or(-1)) + ";";
  });
  ASSERT_TRUE(loop.run_until([&] { return connected; }, patience));
  // Right after the answer, where the engine may not have subscribed yet: `since` covers it.
  ours = create("exit 3", R"({"AutoRemove":true})");
  start(*ours);
  loop.run_until([&] { return seen.contains("destroyed"); }, patience);
  EXPECT_EQ(seen, "created;started;died;3;destroyed;");
  const auto gone = inspect(*ours);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind, ErrorKind::not_found) << gone.error().message;
}

TEST_F(RealEngine, SeesOutOfMemory) {
  const auto id = create("x=$(head -c 200000000 /dev/zero | tr '\\\\0' x)",
                         R"({"Memory":16777216,"MemorySwap":16777216})");
  start(id);
  std::expected<Container, Error> container = inspect(id);
  for (int i = 0; i < 300 && container && !container->exit_code; ++i) {
    loop.run_until([] { return false; }, milliseconds{50});
    container = inspect(id);
  }
  ASSERT_TRUE(container) << container.error().message;
  EXPECT_TRUE(container->oom_killed);
  EXPECT_NE(container->exit_code.value_or(0), 0);
}

TEST_F(RealEngine, ListsRemovesAndStops) {
  const auto created = create("true");
  const auto running = create("trap 'exit 5' TERM; while :; do sleep 0.1; done");
  start(running);
  const auto one = listed(created), other = listed(running);
  ASSERT_TRUE(one && other);
  EXPECT_EQ(one->state, ContainerState::created);
  EXPECT_EQ(other->state, ContainerState::running);

  ASSERT_FALSE(remove(running));
  EXPECT_TRUE(remove(created));
  EXPECT_EQ(remove(created).error().kind, ErrorKind::not_found);

  const auto stopped = wait<std::monostate>(
      [&](auto done) { engine->stop(running, std::chrono::seconds{10}, std::move(done)); });
  ASSERT_TRUE(stopped) << stopped.error().message;
  const auto container = inspect(running);
  ASSERT_TRUE(container);
  EXPECT_EQ(container->state, ContainerState::exited);
  EXPECT_EQ(container->exit_code, 5);
}

// Somebody's own container: told while it runs, with what it claims, and not touched.
TEST_F(RealEngine, TellsOfThoseThatAreNotOurs) {
  const auto id = create("trap 'exit 5' TERM; while :; do sleep 0.1; done",
                         R"({"DeviceCgroupRules":["c 195:3 rwm"]})",
                         R"("Healthcheck":{"Test":["CMD","true"],"Interval":300000000})");
  std::string seen;
  bool connected = false;
  engine->watch([&](Signal signal) {
    if (std::holds_alternative<Connected>(signal)) connected = true;
    const auto* event = std::get_if<ContainerEvent>(&signal);
    if (event == nullptr || event->container != id) return;
    EXPECT_FALSE(event->labels.contains("gpuhub.lease"));
    static constexpr const char* kinds[] = {"created;", "started;",   "died;",
                                            "oom;",     "destroyed;", "other;"};
    seen += kinds[static_cast<int>(event->kind)];
  });
  ASSERT_TRUE(loop.run_until([&] { return connected; }, patience));
  EXPECT_FALSE(listed(id));
  start(id);
  const auto container = inspect(id);
  ASSERT_TRUE(container) << container.error().message;
  EXPECT_EQ(container->image, "debian:trixie-slim");
  ASSERT_TRUE(container->claim);
  EXPECT_EQ(container->claim->nodes, std::vector<std::string>{"/dev/nvidia3"});
  const auto in_list = listed(id);
  ASSERT_TRUE(in_list);
  EXPECT_EQ(in_list->image, "debian:trixie-slim");

  const std::string about = std::format("/containers/{}", id.str());
  const auto healthy = [&] {
    return call("GET", about + "/json").body.contains(R"("Status":"healthy")");
  };
  for (int i = 0; i < 300 && !healthy(); ++i) {
    loop.run_until([] { return false; }, milliseconds{50});
  }
  ASSERT_TRUE(healthy());
  EXPECT_EQ(call("POST", about + "/pause").status, 204);
  EXPECT_EQ(listed(id).value().state, ContainerState::paused);
  EXPECT_EQ(call("POST", about + "/unpause").status, 204);
  EXPECT_FALSE(remove(id));
  EXPECT_FALSE(wait<std::monostate>(
      [&](auto done) { engine->stop(id, std::chrono::seconds{1}, std::move(done)); }));
  EXPECT_EQ(call("POST", about + "/kill").status, 204);
  loop.run_until([&] { return seen.contains("died"); }, patience);
  // Pause and unpause; none of the health checks, which are events of the engine, too.
  EXPECT_EQ(seen, "started;other;other;died;");
  EXPECT_FALSE(listed(id));
}

TEST_F(RealEngine, TellsWhatItCanDo) {
  const auto can = wait<Capabilities>([&](auto done) { engine->capabilities(std::move(done)); });
  ASSERT_TRUE(can) << can.error().message;
  EXPECT_FALSE(can->engine_version.empty());
  EXPECT_EQ(can->cdi, !can->cdi_spec_dirs.empty());
}

}  // namespace
}  // namespace gpuhub::runtime
