// The server by way of real sockets: what handlers get, what clients get, and what limits do.
#include "http/server.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <format>
#include <optional>

#include "place.hpp"

namespace gpuhub::http {
namespace {

using std::chrono::milliseconds;

// A server with two sockets whose handler echoes, or keeps the request for the test to answer.
struct World {
  explicit World(Limits limits = {}) {
    ServerCallbacks callbacks{
        .handler = [this](Request request, Respond respond) { handle(request, respond); },
        .error_answer =
            [](int status, std::string_view detail) {
              return Response{.status = status,
                              .content_type = "application/problem+json",
                              .headers = {},
                              .body = "{\"detail\":\"" + std::string{detail} + "\"}"};
            },
        .note = {}};
    auto made = Server::create(
        loop, {{.path = folder / "a", .role = "admin"}, {.path = folder / "h", .role = "hub"}},
        limits, std::move(callbacks));
    if (!made) ADD_FAILURE() << made.error();
    server = std::move(*made);
  }

  void handle(Request& request, Respond& respond) {
    last = request;
    seen += request.target.path + " ";
    if (request.target.path.starts_with("/turn")) {
      loop.at_turn_end([this] { seen += "end "; });
    }
    if (request.target.path == "/later") {
      kept = std::move(respond);
    } else if (request.target.path != "/drop") {
      respond({.status = 200,
               .content_type = "text/plain",
               .headers = {{"x-role", request.role + "\r\nx-evil: 1"}},
               .body = request.method + " " + request.body});
    }
  }
  void turn(milliseconds time = milliseconds{20}) {
    loop.run_until([] { return false; }, time);
  }
  // Runs until `client` has got an answer that holds `part` (or has been closed).
  std::string answer(RawClient& client, std::string_view part) {
    loop.run_until([&] { return client.received().contains(part) || client.closed(); },
                   milliseconds{3000});
    return client.received();
  }
  std::string ask(std::string_view text, std::string_view part) {
    RawClient client{folder / "a"};
    client.send(text);
    return answer(client, part);
  }

  Folder folder;
  Loop loop;
  std::optional<Request> last;
  std::string seen;  // the paths, and the ends of turns in which there was one that asked for it
  Respond kept;
  std::unique_ptr<Server> server;
};

TEST(Server, HandsOverTheWholeRequest) {
  World world;
  RawClient client{world.folder / "h"};
  client.send("POST /v1/x?a=1 HTTP/1.1\r\nHost: x\r\nX-Y: Z\r\nContent-Length: 4\r\n\r\nbody");
  const std::string answer = world.answer(client, "POST body");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  ASSERT_TRUE(world.last);
  EXPECT_EQ(world.last->role, "hub");
  EXPECT_EQ(world.last->peer.uid, ::getuid());
  EXPECT_EQ(world.last->peer.pid, ::getpid());
  EXPECT_EQ(world.last->method, "POST");
  EXPECT_EQ(world.last->target.path, "/v1/x");
  EXPECT_EQ(find_header(world.last->headers, "x-y"), "Z");
  EXPECT_EQ(world.last->body, "body");
}

TEST(Server, AHeaderValueNeverEndsItsLine) {
  World world;
  const std::string answer = world.ask("GET / HTTP/1.1\r\n\r\n", "GET");
  EXPECT_TRUE(answer.contains("x-role: admin  x-evil: 1\r\n")) << answer;
}

TEST(Server, KeepsTheConnectionForTheNextRequests) {
  World world;
  RawClient client{world.folder / "a"};
  client.send("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n");  // two at once
  world.loop.run_until([&] { return world.server->counters().requests == 2; }, milliseconds{3000});
  client.send("HEAD /3 HTTP/1.1\r\n\r\n");
  world.loop.run_until([&] { return world.server->counters().requests == 3; }, milliseconds{3000});
  world.turn();
  EXPECT_FALSE(client.closed());
  EXPECT_EQ(world.server->counters().accepted, 1U);
  EXPECT_FALSE(client.received().contains("HEAD")) << "HEAD has no body";
  client.send("GET /4 HTTP/1.1\r\nConnection: close\r\n\r\n");
  world.loop.run_until([&] { return client.closed(); }, milliseconds{3000});
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(world.server->counters().open, 0U);
}

TEST(Server, ATurnEndsWhenAllThatHasComeIsServed) {
  World world;
  RawClient client{world.folder / "a"};
  client.send("GET /turn/1 HTTP/1.1\r\n\r\nGET /turn/2 HTTP/1.1\r\n\r\n");
  world.loop.run_until([&] { return world.seen.ends_with("end end "); }, milliseconds{3000});
  EXPECT_EQ(world.seen, "/turn/1 /turn/2 end end ");
}

// However many come at once, others have their turn between them, and the order stays.
TEST(Server, AnswersWhatWasSentWithoutWaitingInOrder) {
  World world;
  RawClient client{world.folder / "a"};
  std::string all;
  for (int i = 0; i < 500; ++i) {
    const std::string body = std::format("<{}>", i);
    all += std::format("POST /{} HTTP/1.1\r\nContent-Length: {}\r\n\r\n{}", i, body.size(), body);
  }
  client.send(all + "GET /later HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n");
  const std::string& got = world.answer(client, "<499>");
  std::size_t at = 0;
  for (int i = 0; i < 500; ++i) {
    at = got.find(std::format("POST <{}>", i), at);
    ASSERT_NE(at, std::string::npos) << i;
  }
  world.loop.run_until([&] { return bool{world.kept}; }, milliseconds{3000});
  world.turn();
  EXPECT_FALSE(client.received().contains("GET "));
  world.kept({.status = 200, .content_type = "text/plain", .headers = {}, .body = "late"});
  EXPECT_FALSE(client.received().contains("GET ")) << "the next is not served from inside";
  EXPECT_TRUE(world.answer(client, "GET ").contains("late")) << "the order stays";
}

TEST(Server, TakesARequestInPieces) {
  World world;
  RawClient client{world.folder / "a"};
  for (const char c : std::string{"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n"
                                  "3;why=not\r\nabc\r\n2\r\nde\r\n0\r\nC: d\r\n\r\n"}) {
    client.send({&c, 1});
    world.turn(milliseconds{0});
  }
  EXPECT_TRUE(world.answer(client, "POST abcde").ends_with("POST abcde"));
  EXPECT_EQ(find_header(world.last->headers, "a"), "b");
  EXPECT_EQ(find_header(world.last->headers, "c"), std::nullopt) << "a trailer is no header";
}

TEST(Server, SendsALargeAnswerToASlowReaderWhole) {
  World world;
  RawClient client{world.folder / "a"};
  client.send("GET /later HTTP/1.1\r\n\r\nGET /next HTTP/1.1\r\n\r\n");
  world.turn();
  std::string body;
  for (int i = 0; body.size() < 3'000'000; ++i) body += std::to_string(i) + " ";
  world.kept({.status = 200, .content_type = "", .headers = {}, .body = body});
  world.turn();
  EXPECT_TRUE(world.answer(client, "GET ").contains("\r\n\r\n" + body + "HTTP/1.1 200 OK"));
}

TEST(Server, CutsWhoDoesNotTakeTheAnswer) {
  World world{{.write_time = milliseconds{60}}};
  RawClient client{world.folder / "a"};
  client.send("GET /later HTTP/1.1\r\n\r\n");
  world.turn();
  world.kept({.status = 200, .headers = {}, .body = std::string(3'000'000, 'x')});
  world.loop.run_until([&] { return world.server->counters().open == 0; }, milliseconds{3000});
  EXPECT_EQ(world.server->counters().open, 0U);
}

TEST(Server, AClientMaySayThatItSendsNoMore) {
  World world;
  RawClient client{world.folder / "a"};
  client.send("GET /later HTTP/1.1\r\n\r\n");
  client.send_no_more();
  world.turn();
  ASSERT_TRUE(world.kept);
  world.kept({.status = 200, .content_type = "", .headers = {}, .body = "half open"});
  EXPECT_TRUE(world.answer(client, "half open").contains("half open"));
  world.loop.run_until([&] { return client.closed(); }, milliseconds{3000});
  EXPECT_TRUE(client.closed());
}

TEST(Server, TheAnswerMayComeLater) {
  World world;
  RawClient client{world.folder / "a"};
  client.send("GET /later HTTP/1.1\r\n\r\n");
  world.turn();
  ASSERT_TRUE(world.kept);
  EXPECT_EQ(client.received(), "");
  world.kept({.status = 404, .content_type = "text/plain", .headers = {}, .body = "none"});
  EXPECT_TRUE(world.answer(client, "none").starts_with("HTTP/1.1 404 "));
}

TEST(Server, AnswersWhatNeverReachesTheHandler) {
  World world{{.head_max = 2000, .body_max = 1000}};
  const std::string big(3000, 'x');
  EXPECT_TRUE(world.ask("nonsense\r\n\r\n", "detail").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(world.ask("GET /%zz HTTP/1.1\r\n\r\n", "detail").starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(world.ask("GET / HTTP/1.1\r\nX: " + big + "\r\n\r\n", "detail")
                  .starts_with("HTTP/1.1 431 "));
  const std::string answer =
      world.ask("POST / HTTP/1.1\r\nContent-Length: 3000\r\n\r\n" + big, "detail");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << answer;
  EXPECT_TRUE(answer.contains("application/problem+json"));
  EXPECT_TRUE(answer.contains("Connection: close"));
  EXPECT_TRUE(world.ask("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nbb8\r\n" + big +
                            "\r\n0\r\n\r\n",
                        "detail")
                  .starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(world.ask("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nx", "detail")
                  .starts_with("HTTP/1.1 400 "));
  EXPECT_TRUE(world.ask("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
                            std::string(100'000, 'x'),
                        "detail")
                  .starts_with("HTTP/1.1 431 "));
  EXPECT_FALSE(world.last);
  EXPECT_TRUE(world.ask("GET / HTTP/1.1\r\n\r\n", "GET").starts_with("HTTP/1.1 200 "));
}

// A client that sends all before it reads must still learn why it was refused.
TEST(Server, ReadsABodyThatIsTooLargeToItsEnd) {
  World world;
  RawClient client{world.folder / "a"};
  const std::string body(2 * 1024 * 1024, 'x');
  client.send("POST / HTTP/1.1\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
              body);
  EXPECT_TRUE(world.answer(client, "detail").starts_with("HTTP/1.1 413 "));
  client.send();
  world.turn();
  client.close();
  world.loop.run_until([&] { return world.server->counters().open == 0; }, milliseconds{3000});
  EXPECT_EQ(world.server->counters().open, 0U);
}

TEST(Server, AsksForABodyThatWaitsToBeAskedFor) {
  World world;
  RawClient client{world.folder / "a"};
  client.send("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_TRUE(world.answer(client, "100 Continue").starts_with("HTTP/1.1 100 Continue\r\n\r\n"));
  client.send("ab");
  EXPECT_TRUE(world.answer(client, "POST ab").contains("POST ab"));
}

TEST(Server, EachPhaseHasItsLimit) {
  World world{{.idle_max = milliseconds{60},
               .head_time = milliseconds{60},
               .body_time = milliseconds{60},
               .handler_time = milliseconds{60}}};
  RawClient idle{world.folder / "a"};
  world.loop.run_until([&] { return idle.closed(); }, milliseconds{3000});
  EXPECT_EQ(idle.received(), "");
  EXPECT_TRUE(world.ask("GET / HT", "detail").starts_with("HTTP/1.1 408 "));
  EXPECT_TRUE(world.ask("POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nab", "detail")
                  .starts_with("HTTP/1.1 408 "));
  EXPECT_TRUE(world.ask("GET /later HTTP/1.1\r\n\r\n", "detail").starts_with("HTTP/1.1 503 "));
  world.kept({});  // too late: nobody is there, nothing happens
  EXPECT_TRUE(world.ask("GET /drop HTTP/1.1\r\n\r\n", "detail").starts_with("HTTP/1.1 500 "));
}

TEST(Server, TurnsAwayWhoComesAfterTheLastPlaceOfOneSocket) {
  World world{{.connections_max = 1}};
  RawClient first{world.folder / "a"};
  world.turn();
  EXPECT_TRUE(world.ask("GET / HTTP/1.1\r\n\r\n", "detail").starts_with("HTTP/1.1 503 "));
  RawClient hub{world.folder / "h"};
  hub.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(world.answer(hub, "GET").starts_with("HTTP/1.1 200 "));
}

TEST(Server, AClientMayLeaveBeforeItsAnswer) {
  World world;
  {
    RawClient client{world.folder / "a"};
    client.send("GET /later HTTP/1.1\r\n\r\n");
    world.turn();
  }
  world.kept({.status = 200, .content_type = "", .headers = {}, .body = std::string(900'000, 'x')});
  world.loop.run_until([&] { return world.server->counters().open == 0; }, milliseconds{3000});
  EXPECT_EQ(world.server->counters().open, 0U);
}

TEST(Server, StopsWhenTheLastRequestIsAnswered) {
  World world;
  RawClient idle{world.folder / "a"};
  RawClient busy{world.folder / "a"};
  busy.send("GET /later HTTP/1.1\r\n\r\n");
  world.turn();
  bool stopped = false;
  world.server->stop(milliseconds{5000}, [&] { stopped = true; });
  world.turn();
  EXPECT_TRUE(idle.closed());
  EXPECT_FALSE(RawClient{world.folder / "a"}.connected());
  EXPECT_FALSE(stopped);
  world.kept({.status = 200, .content_type = "text/plain", .headers = {}, .body = "bye"});
  EXPECT_TRUE(world.answer(busy, "bye").contains("Connection: close"));
  world.loop.run_until([&] { return stopped; }, milliseconds{3000});
  EXPECT_TRUE(stopped);
}

TEST(Server, CutsWhatIsLeftAfterTheGrace) {
  World world;
  RawClient busy{world.folder / "a"};
  busy.send("GET /later HTTP/1.1\r\n\r\n");
  world.turn();
  bool stopped = false;
  world.server->stop(milliseconds{30}, [&] { stopped = true; });
  world.loop.run_until([&] { return stopped; }, milliseconds{3000});
  EXPECT_TRUE(stopped);
  EXPECT_TRUE(busy.closed());
  world.kept({});  // finds nobody
}

TEST(Server, MayGoWhileRequestsAreOpen) {
  World world;
  RawClient busy{world.folder / "a"};
  busy.send("GET /later HTTP/1.1\r\n\r\n");
  world.turn();
  world.server.reset();
  world.turn();
  EXPECT_TRUE(busy.closed());
  EXPECT_FALSE(std::filesystem::exists(world.folder / "a"));
  world.kept({});
}

TEST(Server, WhatAHandlerThrowsEndsTheLoop) {
  Folder folder;
  Loop loop;
  const auto server = Server::create(
      loop, {{.path = folder / "a", .role = "x"}}, {},
      {.handler = [](const Request&, const Respond&) { throw std::runtime_error{"broken"}; },
       .error_answer = [](int, std::string_view) { return Response{}; },
       .note = {}});
  RawClient client{folder / "a"};
  client.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_THROW(loop.run_until([] { return false; }, milliseconds{3000}), std::runtime_error);
}

}  // namespace
}  // namespace gpuhub::http
