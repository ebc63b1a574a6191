// gpuctl run in the queue, and signals at each step: nothing is left held or waiting.
#include <algorithm>

#include "program.hpp"

namespace gpuhub::ctl {
namespace {

const std::string container(64, 'c');
const std::string granted = R"({"id":"L-1","state":"granted","epoch":"e1","revision":"9",
  "gpus":[{"index":0,"uuid":"GPU-1","model":"A100"}],"inject":{"docker_run":[]}})";
const std::string ended = R"({"id":"L-1","state":"ended","reason":"cancelled"})";
const std::string lease_line = "gpuctl: lease L-1: GPU 0 (A100)\n";
const std::string stopped = "gpuctl: stopped; nothing is asked for any more\n= ";

std::string queued(int position, const std::string& revision,
                   const std::string& renew_by = "2126-01-01T00:00:00.000Z") {
  return R"({"id":"L-1","state":"queued","revision":")" + revision +
         R"(","wants":{"count":2},"gpus":[],"queue":{"position":)" + std::to_string(position) +
         R"(,"of":3,"expires_at":null,"why":"two GPUs","renew_by":")" + renew_by +
         R"(","estimate":{"early_s":60,"likely_s":600,"late_s":3600},"hidden":1,"holders":[
            {"index":0,"gpu":"GPU-1","user":"ana","server":""},
            {"index":1,"gpu":"GPU-2","user":"bo","server":"big"}]}})";
}

class GpuctlWait : public Program {
 protected:
  GpuctlWait() {
    docker("create) echo " + container + " ;;\nstart) exit 0 ;;\n");
    answer("POST /v1/leases", 202, queued(3, "1"));
    answer("POST /v1/leases/L-1/bind", 200, granted);
    answer("DELETE /v1/leases/L-1", 200, ended);
  }
  void poll_gives(const std::string& revision, Reply reply) {
    allocator.on("GET /v1/leases/L-1?wait=25&revision=" + revision, std::move(reply));
  }
  Reply held_and_signalled(int number) {
    return {.how = Reply::How::hold, .first = [this, number] { signal(number); }};
  }
  int calls_of(const std::string& what) {
    int count = 0;
    for (const std::string& call : docker_calls()) count += call.starts_with(what);
    return count;
  }
};

TEST_F(GpuctlWait, WaitsForItsTurn) {
  poll_gives("1", {200, queued(2, "2")});
  poll_gives("2", {200, queued(2, "3")});  // the estimate, say
  poll_gives("3", {200, granted});
  EXPECT_EQ(run("run --gpus 2 -- docker run img"),
            "gpuctl: waiting for 2 GPUs: 3rd of 3, about 10 min (1 min to 1 h)\n"
            "gpuctl: waiting for 2 GPUs: 2nd of 3, about 10 min (1 min to 1 h)\n" +
                lease_line + "= 0");
  EXPECT_EQ(asked().size(), 5U);  // ask, three polls, bind: no renewal was due
}

TEST_F(GpuctlWait, OnATerminalOneLineIsWrittenAnewAndCutToItsWidth) {
  poll_gives("1", {200, granted});
  start_on_terminal("run -- docker run img");
  const std::string said = finish();
  EXPECT_EQ(said,
            "\r\033[Kgpuctl: waiting for 2 GPUs: 3rd of 3, about 10 min (1 min t"
            "\r\033[Kgpuctl: lease L-1: GPU 0 (A100)\r\n= 0");
}

TEST_F(GpuctlWait, RenewsWhileItWaits) {
  // So little time is left that it renews as often as it ever does.
  const std::string now = "2026-01-01T00:00:00.000Z";
  allocator.only("POST /v1/leases", {202, queued(3, "1", now)});
  allocator.on("GET /v1/leases/L-1?*", {200, queued(3, "2", now)});
  allocator.on("POST /v1/leases/L-1/renew", {200, queued(3, "3", now)});
  allocator.on("POST /v1/leases/L-1/renew", {200, granted});
  EXPECT_TRUE(run("run -- docker run img").ends_with("= 0"));
  const auto all = asked();
  EXPECT_EQ(std::ranges::count(all, "POST /v1/leases/L-1/renew"), 2);
  EXPECT_TRUE(std::ranges::contains(all, "GET /v1/leases/L-1?wait=1&revision=3"));
}

TEST_F(GpuctlWait, AGapInTheAnswersKeepsThePlace) {
  poll_gives("1", {.how = Reply::How::cut});
  poll_gives("1", {503, R"({"type":"urn:gpuhub:problem:not-ready","title":"not ready"})"});
  poll_gives("1", {200, granted});
  const std::string said = run("run -- docker run img");
  EXPECT_TRUE(said.contains("gpuctl: the allocator does not answer; it keeps the place")) << said;
  EXPECT_TRUE(said.ends_with("= 0"));
}

TEST_F(GpuctlWait, ARequestIsAskedForAgainWithItsOwnId) {
  allocator.only("POST /v1/leases", {.how = Reply::How::cut});
  allocator.on("POST /v1/leases", {503, R"({"type":"urn:gpuhub:problem:not-ready","title":"no"})"});
  allocator.on("POST /v1/leases", {201, granted});
  allocator.on("POST /v1/leases/L-1/bind", {200, granted});
  EXPECT_EQ(run("run --name x -- docker run img"),
            "gpuctl: the allocator is not ready to answer; asking again\n" + lease_line + "= 0");
  const auto asked_there = allocator.asked();
  ASSERT_EQ(asked_there.size(), 4U);
  EXPECT_EQ(asked_there[0], asked_there[1]);
  EXPECT_EQ(asked_there[1], asked_there[2]);
}

TEST_F(GpuctlWait, ARefusalIsInWords) {
  allocator.only("POST /v1/leases", {409, R"({"type":"urn:gpuhub:problem:no-gpu-free",
    "title":"no GPU is free","detail":"2 wanted, 0 free","hidden":2,"holders":[
      {"gpu":"GPU-1","index":0,"user":"ana","server":"","since":"2026-01-02T03:04:05.678Z"},
      {"gpu":"GPU-2","index":10,"user":"jörg","server":"big","since":"2026-01-02T03:04:05.678Z"},
      {"gpu":"GPU-x","index":null,"user":"b\u001b[2J","server":"","since":"then"}]})"});
  EXPECT_EQ(run("run --no-wait -- docker run img"),
            "gpuctl: no GPU is free: 2 wanted, 0 free\n"
            "  GPU 0      ana       since 2026-01-02T03:04:05.678Z\n"
            "  GPU 10     jörg/big  since 2026-01-02T03:04:05.678Z\n"
            "  GPU GPU-x  b?[2J     since then\n"
            "  2 more are not shown\n"
            "try this: leave out --no-wait to wait for your turn; gpuctl gpus shows who holds what"
            "\n= 125");
}

TEST_F(GpuctlWait, ALeaseThatEndsInTheQueueIsNone) {
  for (const auto& [reason, words] : std::vector<std::pair<std::string, std::string>>{
           {"expired", "the request waited for as long as the admin lets it"},
           {"cancelled", "somebody has taken the request out of the queue"},
           {"replaced", "a newer request with the same name has taken this one's place\n"
                        "try this: another --name for each"},
           {"revoked", "the request has ended: ended: revoked"}}) {
    allocator.only("GET /v1/leases/L-1?*",
                   {200, R"({"id":"L-1","state":"ended","reason":")" + reason + "\"}"});
    EXPECT_TRUE(run("run -- docker run img").ends_with("gpuctl: " + words + "\n= 125")) << reason;
  }
}

TEST_F(GpuctlWait, APlaceThatIsLostIsTold) {
  poll_gives("1", {404, R"({"type":"urn:gpuhub:problem:not-found","title":"not found",
                            "detail":"there is no such lease"})"});
  EXPECT_TRUE(run("run -- docker run img").contains("gpuctl: not found: there is no such lease\n"));
}

TEST_F(GpuctlWait, SoLongAndNoLonger) {
  allocator.on("GET /v1/leases/L-1?wait=1&revision=1", {.how = Reply::How::hold});
  allocator.on("GET /v1/leases/L-1?*", {200, queued(3, "1")});
  const std::string said = run("run --wait=1s -- docker run img");
  EXPECT_TRUE(said.ends_with("gpuctl: no GPU within 1 s; the request is out of the queue\n= 125"))
      << said;
  EXPECT_EQ(asked().back(), "DELETE /v1/leases/L-1");
  EXPECT_EQ(calls_of("create"), 0);
}

TEST_F(GpuctlWait, CtrlCTakesTheRequestOut) {
  poll_gives("1", held_and_signalled(SIGINT));
  const std::string said = run("run -- docker run img");
  EXPECT_TRUE(said.ends_with(stopped + "130")) << said;
  EXPECT_EQ(asked().back(), "DELETE /v1/leases/L-1");
  EXPECT_EQ(calls_of("create"), 0);
}

TEST_F(GpuctlWait, CtrlCFromTheTerminalToo) {
  poll_gives("1", {.how = Reply::How::hold, .first = [this] { type("\x03"); }});
  start_on_terminal("run -- docker run img");
  const std::string said = finish();
  EXPECT_TRUE(said.ends_with("gpuctl: stopped; nothing is asked for any more\r\n= 130")) << said;
  EXPECT_EQ(asked().back(), "DELETE /v1/leases/L-1");
}

TEST_F(GpuctlWait, OtherWaysToBeEnded) {
  for (const int number : {SIGTERM, SIGHUP, SIGQUIT}) {
    allocator.only("GET /v1/leases/L-1?*", held_and_signalled(number));
    const std::string said = run("run -- docker run img");
    EXPECT_TRUE(said.ends_with(stopped + std::to_string(128 + number))) << said;
    EXPECT_EQ(asked().back(), "DELETE /v1/leases/L-1");
  }
}

TEST_F(GpuctlWait, ASignalWhileItIsAskedForGivesTheGrantBack) {
  allocator.only("POST /v1/leases", {201, granted, Reply::How::answer, [this] { signal(SIGINT); }});
  EXPECT_EQ(run("run -- docker run img"), stopped + "130");
  EXPECT_EQ(asked().back(), "DELETE /v1/leases/L-1");
  EXPECT_EQ(calls_of("create"), 0);
}

// The fakes below end when they are told to, or after a minute.
constexpr const char* lasts = "for i in {1..600}; do sleep 0.1; done";

TEST_F(GpuctlWait, ASignalDuringCreateLeavesNothing) {
  poll_gives("1", {200, granted});
  docker("create) trap 'echo " + container + "; exit 0' TERM; kill -TERM $PPID; " + lasts +
         " ;;\n");
  EXPECT_EQ(run("run -- docker run img 2> /dev/null"), "= 143");
  EXPECT_EQ(docker_calls().back(), "rm --force --volumes " + container);
  EXPECT_EQ(asked().back(), "DELETE /v1/leases/L-1");
}

TEST_F(GpuctlWait, ASignalDuringThePullAsksForNothing) {
  docker(std::string{"image) exit 1 ;;\npull) trap 'exit 1' INT; kill -INT $PPID; "} + lasts +
         " ;;\n");
  EXPECT_EQ(run("run -- docker run img"), "gpuctl: stopped\n= 130");
  EXPECT_TRUE(asked().empty());
}

// A docker whose `start` does as given and can be reached by `kill`.
class GpuctlAttached : public GpuctlWait {
 protected:
  GpuctlAttached() { allocator.only("POST /v1/leases", {201, granted}); }
  void docker_starts(const std::string& start) {
    const std::string pid = folder / "pid";
    docker("create) echo " + container + " ;;\nkill) kill -USR2 $(cat " + pid + ") ;;\n" +
           "start) trap 'exit 34' USR2; trap 'exit 99' INT TERM HUP QUIT; echo $$ > " + pid + "; " +
           start + lasts + " ;;\ninspect) echo 2026-01-02T03:04:05Z 34 ;;\n");
  }
};

// What `docker start` would do with a signal depends on its version: none reaches it.
TEST_F(GpuctlAttached, SignalsAreTheContainers) {
  docker_starts("kill -USR1 $PPID; ");
  EXPECT_EQ(run("run -- docker run img"), lease_line + "= 34");
  EXPECT_EQ(calls_of("kill --signal=10 " + container), 1);
  docker_starts("kill -HUP $PPID; ");
  EXPECT_EQ(run("run -- docker run -t img"), lease_line + "= 34");
  EXPECT_EQ(calls_of("kill --signal=1 " + container), 1);
}

TEST_F(GpuctlAttached, KeysAtTheTerminalToo) {
  docker_starts("echo ready; ");
  for (const auto* options : {"", "-t ", "-i "}) {
    start_on_terminal(std::string{"run -- docker run "} + options + "img");
    read_until("ready");
    type("\x03");
    const std::string said = finish();
    EXPECT_TRUE(said.ends_with("= 34")) << said;
  }
  EXPECT_EQ(calls_of("kill --signal=2 " + container), 3);
}

TEST_F(GpuctlAttached, AContainerThatHearsNothingIsLeftAlone) {
  docker("create) echo " + container + " ;;\nstart) for i in 1 2 3; do echo ready; read; done; " +
         std::string{lasts} + " ;;\n");
  start_on_terminal("run -- docker run -i img");
  for (int i = 1; i < 3; ++i) {
    read_until("ready");
    type("\x03");
    while (calls_of("kill --signal=2") < i) std::this_thread::yield();
    type("\n");
  }
  read_until("ready");
  type("\x03");
  const std::string said = finish();
  EXPECT_TRUE(said.ends_with("gpuctl: the container goes on without us; docker stop cccccccccccc"
                             "\r\n= 130"))
      << said;
  EXPECT_EQ(calls_of("kill"), 2);
}

TEST_F(GpuctlAttached, WhatIsTypedReachesAContainerWithoutATerminal) {
  docker("create) echo " + container + " ;;\nstart) cat; [[ -t 0 ]] || exit 7 ;;\n"
         "inspect) echo 2026-01-02T03:04:05Z 7 ;;\n");
  start_on_terminal("run -- docker run -i img");
  read_until("(A100)\r\n");
  type("hello\n");
  EXPECT_EQ(read_until("hello\r\nhello\r\n"), "hello\r\nhello\r\n");  // typed, and given back
  type("\x04");                                                         // the end of it
  EXPECT_EQ(finish(), "= 7");
}

}  // namespace
}  // namespace gpuhub::ctl
