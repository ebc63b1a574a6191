// The adapter against a small engine that can be made to misbehave.
#include "runtime/docker_engine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <optional>

#include "recorded.hpp"
#include "scripted_peer.hpp"

namespace gpuhub::runtime {
namespace {

using std::chrono::milliseconds;

const std::string a_text(64, 'a');
const model::ContainerId a = *model::ContainerId::parse(a_text);

std::string reply(int status, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
}
std::string chunk(const std::string& text) {
  char size[16];
  std::snprintf(size, sizeof size, "%zx", text.size());
  return std::string{size} + "\r\n" + text + "\r\n";
}
std::string container(std::string_view state, std::string_view label = "gpuhub.lease") {
  return R"({"Id":")" + a_text + R"(","Name":"/n","State":{"Status":")" + std::string{state} +
         R"(","ExitCode":0},"HostConfig":{},"Config":{"Labels":{")" + std::string{label} +
         R"(":"L-1"}}})";
}
std::string listed(char id, std::string_view state, std::string_view label = "gpuhub.lease") {
  return R"({"Id":")" + std::string(64, id) + R"(","Names":["/)" + id + R"("],"State":")" +
         std::string{state} + R"(","Labels":{")" + std::string{label} + R"(":"L-1"}})";
}
std::string event(std::string_view action) {
  return R"({"Action":")" + std::string{action} + R"(","Actor":{"ID":")" + a_text +
         R"(","Attributes":{}},"timeNano":1})" + "\n";
}
const std::string stream_head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

struct World {
  World() { start_engine(); }

  void start_engine() {
    peer.emplace(loop, folder / "s", [this](const std::string& head) { return answer(head); });
  }
  http::ScriptedPeer::Script answer(const std::string& head) {
    const std::string request = head.substr(0, head.find(" HTTP/"));
    if (request == "GET /version") return {version};
    const std::string path = request.substr(0, request.find('?'));
    asked += path + ";";
    if (path == "GET /v1.41/events") {
      events_request = request;
      return {events, false};
    }
    if (answers.empty()) return {"", true};
    auto next = std::move(answers.front());
    answers.pop_front();
    return next;
  }
  DockerEngine& engine() {
    if (!made) {
      made.emplace(
          loop,
          DockerSettings{.socket = folder / "s",
                         .call_time = milliseconds{150},
                         .reconnect_first = milliseconds{1},
                         .reconnect_max = milliseconds{5},
                         .stale_after = milliseconds{60}},
          [this](const std::string&) { ++stale; }, [this](const std::string&) { ++notes; });
    }
    return *made;
  }
  void watch() {
    engine().watch([this](Signal signal) {
      if (std::holds_alternative<Connected>(signal)) seen += "connected;";
      if (std::holds_alternative<Disconnected>(signal)) seen += "disconnected;";
      if (const auto* event = std::get_if<ContainerEvent>(&signal)) {
        seen += event->kind == EventKind::died ? "died;" : "event;";
      }
    });
  }
  bool see(std::string_view what) {
    return loop.run_until([&] { return seen.contains(what); }, milliseconds{3000});
  }
  // Waits for the answer: "ok", or the kind of error and its words.
  template <typename Start>
  std::string result(const Start& start) {
    std::optional<std::string> text;
    start([&text](const auto& got) {
      static constexpr const char* kinds[] = {"not_found", "unreachable", "failed"};
      text = got ? "ok" : std::string{kinds[static_cast<int>(got.error().kind)]};
    });
    EXPECT_FALSE(text) << "never from inside";
    loop.run_until([&] { return text.has_value(); }, milliseconds{3000});
    return text.value_or("nothing");
  }
  // "astate bstate ", by id; or the kind of error.
  std::string list() {
    std::string text;
    const std::string end = result([&](auto done) {
      engine().list([&text, done = std::move(done)](auto got) mutable {
        static constexpr const char* states[] = {"created",  "running", "paused", "restarting",
                                                 "removing", "exited",  "dead"};
        for (std::size_t i = 0; got && i < got->size(); ++i) {
          text += (*got)[i].id.str().front();
          text += states[static_cast<int>((*got)[i].state)] + std::string{" "};
          EXPECT_FALSE((*got)[i].claim);
        }
        done(got);
      });
    });
    return end == "ok" ? text : end;
  }
  std::string inspect() {
    return result([this](auto done) { engine().inspect(a, std::move(done)); });
  }
  std::string remove() {
    return result([this](auto done) { engine().remove_created(a, std::move(done)); });
  }
  std::string stop() {
    const std::chrono::seconds grace{7};
    return result([&](auto done) { engine().stop(a, grace, std::move(done)); });
  }

  http::Folder folder;
  http::Loop loop;
  std::string version =
      reply(200, R"({"Version":"20","ApiVersion":"1.41","MinAPIVersion":"1.12"})");
  std::string events = stream_head;
  std::deque<http::ScriptedPeer::Script> answers;
  std::string asked, events_request, seen;
  int stale = 0, notes = 0;
  std::optional<http::ScriptedPeer> peer;
  std::optional<DockerEngine> made;
};

TEST(DockerEngine, ListsWhatIsOursAndWhatRuns) {
  World world;
  world.answers = {
      {reply(200, "[" + listed('a', "exited") + "," + listed('b', "created") + "," +
                      listed('c', "running") + "," + listed('d', "exited", "other") + "]")},
      {reply(200, "[" + listed('c', "running") + "," + listed('e', "paused", "other") + "," +
                      listed('9', "exited", "other") + "," +
                      listed('f', "restarting", "gpuhub.owner") + "]")}};
  EXPECT_EQ(world.list(), "aexited bcreated crunning epaused frestarting ");
  EXPECT_EQ(world.asked, "GET /v1.41/containers/json;GET /v1.41/containers/json;");
  const std::string& said = world.peer->received();
  const auto ours = said.find("?all=1&filters=%7B%22label%22%3A%5B%22gpuhub.lease%22%5D%7D HTTP");
  ASSERT_NE(ours, std::string::npos);
  EXPECT_NE(said.find("/containers/json HTTP", ours), std::string::npos) << "only running ones";
}

// Half an answer is none: what it leaves out would look like gone.
TEST(DockerEngine, AListIsWholeOrFails) {
  World world;
  world.answers = {{reply(500, "{}")}};
  EXPECT_EQ(world.list(), "failed");
  world.answers = {{reply(200, "[]")}, {reply(500, "{}")}};
  EXPECT_EQ(world.list(), "failed");
  world.answers = {{reply(200, "[]")}, {"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n[{"}};
  EXPECT_EQ(world.list(), "unreachable");
  world.answers = {{reply(200, "[]")}, {reply(200, "[{}]")}};
  EXPECT_EQ(world.list(), "failed");
  world.answers = {{reply(200, "[]")}, {reply(200, "[]")}};
  EXPECT_EQ(world.list(), "");
}

// As engine 26.1 told it, with what nobody asked for.
TEST(DockerEngine, GivesTheRecordedLivesInOrder) {
  World world;
  world.watch();
  ASSERT_TRUE(world.see("connected;"));
  std::size_t events = 0;
  for (const auto& line : recorded_lines("26.1/events.jsonl")) {
    world.peer->say(chunk(line + "\n"));
    ++events;
  }
  const auto told = [&] { return std::ranges::count(world.seen, ';') > std::ptrdiff_t(events); };
  ASSERT_TRUE(world.loop.run_until(told, milliseconds{3000}));
  EXPECT_EQ(world.notes, 0);
  std::size_t died = 0;
  for (auto at = world.seen.find("died"); at != std::string::npos;
       at = world.seen.find("died", at + 1)) {
    ++died;
  }
  EXPECT_EQ(died, 20U);
}

// The engine leaves out what would be a flood: health checks, exec, attach, signals.
TEST(DockerEngine, WatchesAllContainersForWhatMatters) {
  World world;
  world.watch();
  ASSERT_TRUE(world.see("connected;"));
  const std::string& asked = world.events_request;
  EXPECT_FALSE(asked.contains("label"));
  EXPECT_TRUE(asked.contains("%22type%22%3A%5B%22container%22%5D"));
  std::string named;
  for (const char* action : {"create", "start", "die", "stop", "oom", "destroy", "pause", "unpause",
                             "rename", "kill", "exec_create", "health_status", "attach"}) {
    if (asked.contains("%22" + std::string{action} + "%22")) named += std::string{action} + " ";
  }
  EXPECT_EQ(named, "create start die stop oom destroy pause unpause rename ");
}

// Only the engine's own words mean that a container is gone; all else concludes nothing.
TEST(DockerEngine, TellsGoneFromUnreachableFromFailed) {
  World world;
  const auto inspect = [&](std::string text, bool close = true) {
    world.answers = {{std::move(text), close}};
    return world.inspect();
  };
  EXPECT_EQ(inspect(reply(200, container("running"))), "ok");
  EXPECT_EQ(inspect(reply(404, R"({"message":"No such container: a"})")), "not_found");
  EXPECT_EQ(inspect(reply(404, R"({"message":"page not found"})")), "failed");
  EXPECT_EQ(inspect(reply(500, R"({"message":"No such container: a"})")), "failed");
  EXPECT_EQ(inspect(reply(200, "{}")), "failed");
  EXPECT_EQ(inspect("garbage\r\n\r\n"), "unreachable");
  EXPECT_EQ(inspect("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"Id\":"), "unreachable");
  EXPECT_EQ(inspect("", false), "unreachable") << "too slow";
  world.peer.reset();
  EXPECT_EQ(world.inspect(), "unreachable");
}

TEST(DockerEngine, NeedsAVersionItKnows) {
  World world;
  world.version = reply(200, R"({"Version":"1","ApiVersion":"1.20"})");
  EXPECT_EQ(world.inspect(), "failed");
  world.version = reply(500, "{}");
  EXPECT_EQ(world.inspect(), "failed");
  EXPECT_EQ(world.asked, "");
}

TEST(DockerEngine, RemovesOnlyWhatWasOnlyCreatedAndIsOurs) {
  World world;
  const std::string look = "GET /v1.41/containers/" + a_text + "/json;";
  const std::string remove = "DELETE /v1.41/containers/" + a_text + ";";
  const auto with = [&](std::string first, std::string second) {
    world.asked.clear();
    world.answers = {{std::move(first)}, {std::move(second)}};
    return world.remove();
  };
  EXPECT_EQ(with(reply(200, container("created")), reply(204, "")), "ok");
  EXPECT_EQ(world.asked, look + remove);
  EXPECT_FALSE(world.peer->received().contains("force"));
  EXPECT_EQ(with(reply(200, container("running")), ""), "failed");
  EXPECT_EQ(world.asked, look);
  EXPECT_EQ(with(reply(200, container("created", "other")), ""), "failed");
  EXPECT_EQ(world.asked, look);
  EXPECT_EQ(with(reply(404, R"({"message":"No such container"})"), ""), "not_found");
  EXPECT_EQ(with(reply(200, container("created")), reply(409, R"({"message":"running"})")),
            "failed");
}

TEST(DockerEngine, StopsOnlyWhatIsOurs) {
  World world;
  world.answers = {{reply(200, container("running"))}, {reply(204, "")}};
  EXPECT_EQ(world.stop(), "ok");
  EXPECT_TRUE(world.peer->received().contains("POST /v1.41/containers/" + a_text + "/stop?t=7 "));
  world.answers = {{reply(200, container("exited"))}, {reply(304, "")}};
  EXPECT_EQ(world.stop(), "ok") << "stopped already";
  world.answers = {{reply(200, container("running", "other"))}};
  EXPECT_EQ(world.stop(), "failed");
}

TEST(DockerEngine, GivesEventsAsTheyCome) {
  World world;
  world.watch();
  EXPECT_EQ(world.seen, "") << "never from inside";
  ASSERT_TRUE(world.see("connected;"));
  EXPECT_TRUE(world.events_request.contains("since=")) << "or what happens meanwhile is lost";
  const std::string line = event("die");
  world.peer->say(chunk(line.substr(0, 20)));
  world.loop.run_until([] { return false; }, milliseconds{10});
  EXPECT_EQ(world.seen, "connected;");
  world.peer->say(chunk(line.substr(20) + "{nonsense}\n" + event("start")));
  EXPECT_TRUE(world.see("died;event;"));
  EXPECT_EQ(world.notes, 1);
}

TEST(DockerEngine, ReconnectsAndSaysSo) {
  World world;
  world.watch();
  ASSERT_TRUE(world.see("connected;"));
  world.peer->say("half a chu");
  world.peer->hang_up();
  ASSERT_TRUE(world.see("connected;disconnected;connected;"));
  world.events = reply(500, "{}");
  world.peer->hang_up();
  ASSERT_TRUE(world.see("connected;disconnected;connected;disconnected;"));
  world.loop.run_until([] { return false; }, milliseconds{30});
  world.events = stream_head;
  ASSERT_TRUE(world.see("disconnected;connected;disconnected;connected;")) << world.seen;
  EXPECT_EQ(world.stale, 0);
}

TEST(DockerEngine, ASocketThatStaysDeadIsToldOnce) {
  World world;
  world.watch();
  ASSERT_TRUE(world.see("connected;"));
  world.peer.reset();
  world.loop.run_until([&] { return world.stale > 0; }, milliseconds{3000});
  EXPECT_EQ(world.stale, 1);
  world.loop.run_until([] { return false; }, milliseconds{100});
  EXPECT_EQ(world.stale, 1);
  EXPECT_EQ(world.seen, "connected;disconnected;");
  world.start_engine();
  EXPECT_TRUE(world.see("disconnected;connected;"));
}

TEST(DockerEngine, AShortAbsenceIsNotStale) {
  World world;
  world.peer.reset();
  world.watch();
  ASSERT_TRUE(world.see("disconnected;"));
  world.loop.run_until([] { return false; }, milliseconds{30});
  world.start_engine();
  ASSERT_TRUE(world.see("disconnected;connected;"));
  world.loop.run_until([] { return false; }, milliseconds{80});
  EXPECT_EQ(world.stale, 0);
}

}  // namespace
}  // namespace gpuhub::runtime
