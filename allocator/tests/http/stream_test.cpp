// Answers that go on: what listeners get, who is cut off, who is told, and what limits do. And
// answers that come late: the handler learns that nobody waits for them any more.
#include <gtest/gtest.h>

#include <format>
#include <list>
#include <optional>
#include <vector>

#include "http/client.hpp"
#include "http/server.hpp"
#include "place.hpp"

namespace gpuhub::http {
namespace {

using std::chrono::milliseconds;

Chunk text(std::string of) { return std::make_shared<const std::string>(std::move(of)); }

// GET /events opens a stream, anything else is kept for the test to answer.
struct World {
  explicit World(Limits limits = {}) {
    auto made = Server::create(
        loop, {{.path = folder / "s", .role = "admin"}}, limits,
        {.handler = [this](const Request& request, Respond respond) { handle(request, respond); },
         .error_answer =
             [](int status, std::string_view detail) {
               return Response{.status = status, .headers = {}, .body = std::string{detail}};
             },
         .note = {}});
    if (!made) ADD_FAILURE() << made.error();
    server = std::move(*made);
  }
  void handle(const Request& request, Respond& respond) {
    if (request.target.path == "/events") {
      streams.push_back(respond.stream(
          {.content_type = "text/event-stream", .headers = {}, .body = std::move(first_text)}));
      streams.back().on_close([this] { ++closed; });
    } else {
      respond.on_left([this] { ++left; });
      respond.observe([this](int status) { observed = status; });
      kept = std::move(respond);
    }
  }
  void turn(milliseconds time = milliseconds{20}) {
    loop.run_until([] { return false; }, time);
  }
  template <typename Condition>
  bool until(Condition condition) {
    return loop.run_until([&] { return condition(); }, milliseconds{5000});
  }
  // A listener whose stream stands.
  std::unique_ptr<RawClient> listener(std::string_view version = "HTTP/1.1") {
    auto client = std::make_unique<RawClient>(folder / "s");
    const std::size_t before = streams.size();
    client->send(std::format("GET /events {}\r\n\r\n", version));
    EXPECT_TRUE(until([&] { return streams.size() > before; }));
    return client;
  }
  std::string ask(std::string_view what, std::string_view part) {
    RawClient client{folder / "s"};
    client.send(what);
    until([&] { return client.received().contains(part) || client.closed(); });
    return client.received();
  }

  Folder folder;
  Loop loop;
  std::string first_text;
  std::vector<EventStream> streams;
  int closed = 0;
  Respond kept;
  int left = 0;
  int observed = 0;
  std::unique_ptr<Server> server;
};

std::string body_of(RawClient& client) {
  const std::string& all = client.received();
  const auto end = all.find("\r\n\r\n");
  return end == std::string::npos ? "no head" : all.substr(end + 4);
}

TEST(EventStream, WhatIsWrittenInOneTurnIsOneChunk) {
  World world;
  const auto client = world.listener();
  EXPECT_TRUE(world.streams[0].write(text("one\n")));
  EXPECT_TRUE(world.streams[0].write(text("")));
  EXPECT_TRUE(world.streams[0].write(text("two\n")));
  world.turn();
  EXPECT_EQ(body_of(*client), "8\r\none\ntwo\n\r\n");
  EXPECT_TRUE(client->received().starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream"));
  world.streams[0].write(text("three\n"));
  world.streams[0].end();
  EXPECT_TRUE(world.until([&] { return client->closed(); }));
  EXPECT_EQ(body_of(*client), "8\r\none\ntwo\n\r\n6\r\nthree\n\r\n0\r\n\r\n");
  EXPECT_EQ(world.closed, 0) << "who ends it is not told";
}

TEST(EventStream, ItsFirstTextMayComeWithTheHead) {
  World world;
  world.first_text = "hello\n";
  const auto client = world.listener();
  world.turn();
  EXPECT_EQ(body_of(*client), "6\r\nhello\n\r\n");
}

TEST(EventStream, AnEmptyOneEndsInOrder) {
  World world;
  const auto client = world.listener();
  world.streams.clear();  // dropped is ended
  EXPECT_TRUE(world.until([&] { return client->closed(); }));
  EXPECT_EQ(body_of(*client), "0\r\n\r\n");
}

TEST(EventStream, ManyListenersShareOneText) {
  World world;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(world.listener());
  const Chunk shared = text(std::string(10'000, 'x') + "\n");
  for (auto& stream : world.streams) EXPECT_TRUE(stream.write(shared));
  EXPECT_EQ(shared.use_count(), 101);
  for (auto& client : clients) {
    EXPECT_TRUE(world.until([&] { return body_of(*client).ends_with("x\n\r\n"); }));
  }
  world.turn();
  for (auto& stream : world.streams) stream.write(text("next\n"));
  world.turn();
  EXPECT_EQ(shared.use_count(), 1) << "nobody keeps what all have got";
  EXPECT_EQ(world.server->counters().streams, 100U);
}

// Whatever the socket takes at a time, the lines come whole and in order.
TEST(EventStream, ReachesTheClientsLines) {
  World world;
  Client client{world.loop, world.folder / "s", {}};
  std::size_t lines = 0;
  std::string wrong;
  bool ended = false;
  client.stream("/events", {.opened = [] {},
                            .line =
                                [&](std::string_view line) {
                                  const auto number = std::format("{} ", lines);
                                  const bool right = line.starts_with(number) &&
                                                     line.size() == lines * 37 % 5000 + 10;
                                  if (!right && wrong.empty()) wrong = line;
                                  ++lines;
                                },
                            .ended = [&](const ClientError&) { ended = true; }});
  ASSERT_TRUE(world.until([&] { return !world.streams.empty(); }));
  for (std::size_t i = 0; i < 3000; ++i) {
    std::string line = std::format("{} ", i);
    line.resize(i * 37 % 5000 + 10, 'x');
    ASSERT_TRUE(world.until([&] { return world.streams[0].pending() < 100'000; }));
    ASSERT_TRUE(world.streams[0].write(text(line + "\n")));
  }
  world.streams.clear();
  EXPECT_TRUE(world.until([&] { return ended; }));
  EXPECT_EQ(lines, 3000U);
  EXPECT_EQ(wrong, "");
}

TEST(EventStream, WhoDoesNotReadIsCutOffAndOnlyHe) {
  World world{{.stream_pending_max = 100'000}};
  const auto slow = world.listener();
  const auto quick = world.listener();
  const Chunk piece = text(std::string(50'000, 'x'));
  std::size_t written = 0;
  while (world.streams[0].write(piece) && written < 100) {
    EXPECT_LE(world.streams[0].pending(), 150'000U);
    EXPECT_TRUE(world.streams[1].write(piece));
    ++written;
    world.turn(milliseconds{1});
    quick->received();
  }
  EXPECT_LT(written, 20U);
  EXPECT_TRUE(world.streams[0].closed());
  EXPECT_EQ(world.closed, 0) << "not from inside";
  world.turn();
  EXPECT_EQ(world.closed, 1);
  EXPECT_FALSE(world.streams[1].closed());
  EXPECT_EQ(world.server->counters().streams_cut, 1U);
  EXPECT_EQ(world.server->counters().streams, 1U);
}

// A listener that reads is not cut for what was written to it all at once.
TEST(EventStream, ABurstIsNoReasonToBeCut) {
  World world{{.stream_pending_max = 10'000}};
  const auto client = world.listener();
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(world.streams[0].write(text(std::string(1000, 'x'))));
  world.turn();
  EXPECT_FALSE(world.streams[0].closed());
}

TEST(EventStream, WhoTakesNothingForTooLongIsCut) {
  World world{{.stream_pending_max = 1'000'000, .write_time = milliseconds{60}}};
  const auto client = world.listener();
  for (int i = 0; i < 10; ++i) world.streams[0].write(text(std::string(50'000, 'x')));
  EXPECT_TRUE(world.until([&] { return world.closed == 1; }));
  EXPECT_TRUE(world.streams[0].closed());
}

TEST(EventStream, ThatAClientHasLeftIsToldAtOnce) {
  World world;
  auto client = world.listener();
  auto other = world.listener();
  client->close();
  EXPECT_TRUE(world.until([&] { return world.closed == 1; }));
  EXPECT_TRUE(world.streams[0].closed());
  EXPECT_FALSE(world.streams[0].write(text("x")));
  EXPECT_FALSE(world.streams[1].closed());
  bool told = false;
  world.streams[0].on_close([&] { told = true; });
  EXPECT_FALSE(told);
  EXPECT_TRUE(world.until([&] { return told; })) << "soon, if it was before";
}

TEST(EventStream, NobodyIsToldAfterItsEnd) {
  World world;
  auto client = world.listener();
  client->close();
  world.streams.clear();
  world.turn();
  EXPECT_EQ(world.closed, 0);
}

TEST(EventStream, MayChangeWhileOthersAreTold) {
  World world;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(world.listener());
  for (auto& stream : world.streams) stream.on_close([&] { world.streams.clear(); });
  clients.clear();
  world.turn();
  EXPECT_TRUE(world.streams.empty());
  EXPECT_EQ(world.server->counters().open, 0U);
}

TEST(EventStream, OutlivesThePhasesLimits) {
  World world{{.idle_max = milliseconds{40}, .handler_time = milliseconds{40}}};
  const auto client = world.listener();
  world.turn(milliseconds{150});
  EXPECT_FALSE(client->closed());
  EXPECT_TRUE(world.streams[0].write(text("x")));
}

TEST(EventStream, EndsInOrderWhenTheServerStops) {
  World world;
  const auto client = world.listener();
  world.streams[0].write(text("last\n"));
  bool stopped = false;
  world.server->stop(milliseconds{5000}, [&] { stopped = true; });
  EXPECT_FALSE(world.streams[0].write(text("too late\n")));
  EXPECT_TRUE(world.until([&] { return stopped; }));
  EXPECT_EQ(body_of(*client), "5\r\nlast\n\r\n0\r\n\r\n");
  EXPECT_TRUE(client->closed());
  EXPECT_TRUE(world.until([&] { return world.closed == 1; }));
}

TEST(EventStream, MayOutliveItsServer) {
  World world;
  const auto client = world.listener();
  world.server.reset();
  EXPECT_TRUE(client->closed());
  EXPECT_FALSE(world.streams[0].write(text("x")));
  world.streams[0].on_close([&] { ++world.closed; });
  world.turn();
  EXPECT_EQ(world.closed, 0);
}

TEST(EventStream, ListenersHaveABoundOfTheirOwn) {
  World world{{.connections_max = 1, .streams_max = 2}};
  const auto first = world.listener();
  const auto second = world.listener();
  EXPECT_TRUE(world.ask("GET /events HTTP/1.1\r\n\r\n", "later").starts_with("HTTP/1.1 503 "));
  EXPECT_TRUE(world.streams[2].closed());
  EXPECT_TRUE(world.until([&] { return world.closed == 1; })) << "its owner drops it";
  RawClient asks{world.folder / "s"};
  asks.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(world.until([&] { return bool{world.kept}; })) << "listeners take no connections";
  first->close();
  EXPECT_TRUE(world.until([&] { return world.closed == 2; }));
  asks.close();
  EXPECT_TRUE(world.until([&] { return world.left == 1; }));
  const auto third = world.listener();
  EXPECT_FALSE(world.streams[3].closed());
}

TEST(EventStream, Http10GetsItUntilTheConnectionEnds) {
  World world;
  const auto client = world.listener("HTTP/1.0");
  world.streams[0].write(text("one\n"));
  world.streams[0].end();
  EXPECT_TRUE(world.until([&] { return client->closed(); }));
  EXPECT_EQ(body_of(*client), "one\n");
  EXPECT_FALSE(client->received().contains("chunked"));
}

TEST(EventStream, HeadGetsTheHead) {
  World world;
  const std::string answer = world.ask("HEAD /events HTTP/1.1\r\n\r\n", "nothing");
  EXPECT_TRUE(answer.contains("Transfer-Encoding: chunked\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
  ASSERT_EQ(world.streams.size(), 1U);
  EXPECT_FALSE(world.streams[0].write(text("x")));
}

TEST(LongPoll, ThatAClientHasLeftIsTold) {
  World world;
  auto client = std::make_unique<RawClient>(world.folder / "s");
  client->send("GET /wait HTTP/1.1\r\n\r\nGET /next HTTP/1.1\r\n\r\n");
  world.turn();
  ASSERT_TRUE(world.kept);
  EXPECT_EQ(world.left, 0);
  client.reset();
  EXPECT_TRUE(world.until([&] { return world.left == 1; }));
  EXPECT_EQ(world.server->counters().open, 0U);
  world.kept({});
  EXPECT_EQ(world.observed, 0) << "what nobody gets is not observed";
}

TEST(LongPoll, ThatTimeIsUpIsTold) {
  World world{{.handler_time = milliseconds{40}}};
  EXPECT_TRUE(world.ask("GET /wait HTTP/1.1\r\n\r\n", "in time").starts_with("HTTP/1.1 503 "));
  EXPECT_EQ(world.left, 1);
}

TEST(LongPoll, AnAnswerGivenIsObservedAndNobodyHasLeft) {
  World world;
  auto client = std::make_unique<RawClient>(world.folder / "s");
  client->send("GET /wait HTTP/1.1\r\n\r\n");
  world.turn();
  world.kept({.status = 204, .headers = {}, .body = {}});
  EXPECT_EQ(world.observed, 204);
  EXPECT_TRUE(world.until([&] { return client->received().contains("204"); }));
  client.reset();
  world.turn();
  EXPECT_EQ(world.left, 0);
}

TEST(Respond, MayBeAFunction) {
  int status = 0;
  {
    Respond respond{[&](const Response& response) { status = response.status; }};
    respond({.status = 201, .headers = {}, .body = {}});
  }
  EXPECT_EQ(status, 201);
  Respond respond{[&](const Response& response) { status = response.status; }};
  EXPECT_TRUE(respond.stream({}).closed());
  EXPECT_EQ(status, 200);
}

}  // namespace
}  // namespace gpuhub::http
