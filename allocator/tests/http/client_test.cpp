// The client against our own server and against peers that misbehave.
#include "http/client.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "http/server.hpp"
#include "place.hpp"
#include "scripted_peer.hpp"

namespace gpuhub::http {
namespace {

using std::chrono::milliseconds;
using Answer = std::expected<Response, ClientError>;

std::string show(const Answer& answer) {
  if (answer) return std::to_string(answer->status) + " " + answer->body;
  static constexpr const char* names[] = {"refused", "timed_out", "too_large", "broken", "busy"};
  return names[static_cast<int>(answer.error().kind)];
}

struct World {
  std::string ask(ClientLimits limits = {}) {
    Client client{loop, folder / "s", limits};
    std::optional<Answer> answer;
    client.send({.method = "GET", .target = "/", .headers = {}, .body = {}},
                [&](Answer got) { answer = std::move(got); });
    loop.run_until([&] { return answer.has_value(); }, milliseconds{3000});
    return answer ? show(*answer) : "nothing";
  }
  // Follows a stream until it ends; events in one line.
  std::string follow(ClientLimits limits = {}) {
    Client client{loop, folder / "s", limits};
    std::string seen;
    bool ended = false;
    client.stream("/events",
                  {.opened = [&] { seen += "opened"; },
                   .line = [&](std::string_view line) { seen += " " + std::string{line}; },
                   .ended =
                       [&](const ClientError& why) {
                         seen += " " + show(std::unexpected(why));
                         ended = true;
                       }});
    loop.run_until([&] { return ended; }, milliseconds{3000});
    return seen;
  }

  Folder folder;
  Loop loop;
};

TEST(Client, GetsAnAnswer) {
  World world;
  ScriptedPeer peer{world.loop, world.folder / "s",
                    ScriptedPeer::Script{"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"}};
  EXPECT_EQ(world.ask(), "201 ok");
  EXPECT_TRUE(peer.received().starts_with("GET / HTTP/1.1\r\n"));
}

TEST(Client, TellsWhyThereIsNoAnswer) {
  World world;
  EXPECT_EQ(world.ask(), "refused");
  const auto ask = [&](std::string text, bool close, ClientLimits limits = {}) {
    ScriptedPeer peer{world.loop, world.folder / "s", ScriptedPeer::Script{std::move(text), close}};
    return world.ask(limits);
  };
  EXPECT_EQ(ask("", true), "broken");
  EXPECT_EQ(ask("SSH-2.0-x\r\n\r\n", true), "broken");
  EXPECT_EQ(ask("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", true), "broken");
  EXPECT_EQ(ask("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", false,
                {.time = milliseconds{80}}),
            "timed_out");
  EXPECT_EQ(ask("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcdefghi", true, {.body_max = 8}),
            "too_large");
  EXPECT_EQ(ask("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n", true), "too_large");
  EXPECT_EQ(ask("HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x'), false), "too_large");
}

TEST(Client, RunsSoManyCallsAtOnceAndNoMoreMayWait) {
  World world;
  ScriptedPeer peer{world.loop, world.folder / "s",
                    ScriptedPeer::Script{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}};
  Client client{world.loop, world.folder / "s", {.parallel_max = 2, .waiting_max = 5}};
  std::string seen;
  for (int i = 0; i < 6; ++i) client.send({}, [&](const Answer& got) { seen += show(got) + ";"; });
  EXPECT_EQ(seen, "") << "never from inside";
  world.loop.run_until([&] { return seen.size() >= 5 * 5 + 5; }, milliseconds{3000});
  EXPECT_EQ(seen, "busy;200 ;200 ;200 ;200 ;200 ;");
}

TEST(Client, CallsNobodyBackOnceItIsGone) {
  World world;
  ScriptedPeer peer{world.loop, world.folder / "s", ScriptedPeer::Script{"", false}};
  bool called = false;
  {
    Client client{world.loop, world.folder / "s", {}};
    client.send({}, [&](const Answer&) { called = true; });
    client.stream("/", {.opened = [&] { called = true; },
                        .line = [&](std::string_view) { called = true; },
                        .ended = [&](const ClientError&) { called = true; }});
    world.loop.run_until([&] { return peer.connections() == 2; }, milliseconds{3000});
  }
  world.loop.run_until([] { return false; }, milliseconds{30});
  EXPECT_FALSE(called);
}

constexpr const char* chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

TEST(Stream, GivesLinesHoweverTheyAreCut) {
  World world;
  ScriptedPeer peer{world.loop, world.folder / "s",
                    ScriptedPeer::Script{std::string{chunked} +
                                         "2\r\nab\r\n5\r\nc\nd\n\n\r\n1\r\ne\r\n0\r\n\r\n"}};
  EXPECT_EQ(world.follow(), "opened abc d broken") << "a line that was cut off is not given";
}

TEST(Stream, EndsWithAReason) {
  World world;
  EXPECT_EQ(world.follow(), " refused");
  const auto follow = [&](std::string text, bool close, ClientLimits limits = {}) {
    ScriptedPeer peer{world.loop, world.folder / "s", ScriptedPeer::Script{std::move(text), close}};
    return world.follow(limits);
  };
  EXPECT_EQ(follow("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", true), " broken");
  EXPECT_EQ(follow(std::string{chunked} + "2\r\na\n\r\nzz\r\n", true), "opened a broken");
  EXPECT_EQ(follow(std::string{chunked} + "9\r\na", true), "opened broken");
  EXPECT_EQ(follow(std::string{chunked} + "9\r\nabcdefghi\r\n", false, {.line_max = 8}),
            "opened too_large");
  EXPECT_EQ(follow("", false, {.time = milliseconds{80}}), " timed_out");
}

TEST(CallAndWait, WorksWithoutALoop) {
  Folder folder;
  const auto answer = call_and_wait(folder / "none", {}, {.time = milliseconds{500}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().error_number, ENOENT);
  EXPECT_TRUE(answer.error().message.contains("No such file")) << answer.error().message;
}

}  // namespace
}  // namespace gpuhub::http
