// The program itself, as it is started by people, against an allocator whose answers are given.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <map>
#include <thread>

#include "http/server.hpp"
#include "place.hpp"

namespace gpuhub::ctl {
namespace {

constexpr const char* problem = "application/problem+json";

http::Response response(int status, std::string body = {}) {
  return {.status = status, .content_type = problem, .headers = {}, .body = std::move(body)};
}

class Gpuctl : public ::testing::Test {
 protected:
  void answer(const std::string& path, int status, std::string body) {
    answers[path] = response(status, std::move(body));
  }
  // Serves from now on, on a thread of its own; answers are not changed any more.
  void serve() {
    http::ServerCallbacks callbacks{
        .handler =
            [this](const http::Request& request, http::Respond respond) {
              std::string asked = request.target.path;
              for (const auto& [key, value] : request.target.query) {
                asked += "?" + key + "=" + value;
              }
              const auto known = answers.find(asked);
              respond(known != answers.end() ? known->second : response(404, "{}"));
            },
        .error_answer = [](int status, std::string_view) { return response(status); },
        .note = {}};
    auto made = http::Server::create(loop, {{.path = folder / "s", .role = "admin"}}, {},
                                     std::move(callbacks));
    ASSERT_TRUE(made) << made.error();
    server = std::move(*made);
    thread = std::thread{[this] { loop.run(); }};
  }
  void TearDown() override {
    loop.stop();
    if (thread.joinable()) thread.join();
  }
  // What `gpuctl ARGS` prints, both streams, and its exit status in a last line.
  std::string run(const std::string& args) {
    const std::string command = "GPUHUB_SOCKET=" + (folder / "s") + " " GPUCTL " " + args + " 2>&1";
    std::FILE* pipe = ::popen(command.c_str(), "r");
    std::string out;
    for (int c = 0; (c = std::fgetc(pipe)) != EOF;) out += static_cast<char>(c);
    const int status = ::pclose(pipe);
    return out + "= " + std::to_string(WEXITSTATUS(status));
  }

  http::Folder folder;
  http::Loop loop;
  std::map<std::string, http::Response> answers;
  std::unique_ptr<http::Server> server;
  std::thread thread;
};

TEST_F(Gpuctl, ShowsTheGpus) {
  answer("/v1/gpus", 200, R"({"gpus":[
    {"index":0,"uuid":"GPU-1","model":"NVIDIA A100","memory_mib":40960,"used":2,"slots":2,
     "state":"ok","load":{"gpu_util":40,"average":{"1m":0.4,"5m":0.126,"15m":0},
       "foreign":{"processes":1,"memory_used_mib":512,"utilisation":0.1}},"conflicts":[],"leases":[
       {"owner":{"hub":"hub","user":"ana","server":""}},
       {"owner":{"hub":"lab","user":"jörg","server":"big"}}]},
    {"index":1,"uuid":"GPU-2","model":"NVIDIA A100","memory_mib":81559,"used":2,"slots":1,
     "state":"missing","load":null,"leases":[{"owner":null}],
     "conflicts":[{"name":"old\u001b[2J"}]}]})");
  serve();
  EXPECT_EQ(run("gpus"),
            "GPU  UUID   MODEL        MEMORY  USED  "
            "LOAD                                                   STATE    HELD BY\n"
            "0    GPU-1  NVIDIA A100  40 GiB  2/2   "
            "40 % (5 min: 13 %); foreign: 1 process, 512 MiB, 10 %  ok       ana, lab:jörg/big\n"
            "1    GPU-2  NVIDIA A100  80 GiB  2/1   "
            "-                                                      missing  (not shown), "
            "conflict: old?[2J\n"
            "= 0");
}

TEST_F(Gpuctl, ShowsTheLeases) {
  const std::string active = R"({"id":"L-1","owner":{"hub":"hub","user":"ana","server":""},
    "state":"active","reason":null,"exit_code":null,"oom_killed":null,"mode":"shared",
    "gpus":[{"index":0,"uuid":"GPU-1","model":"A100"},{"index":3,"uuid":"GPU-4","model":"A100"}],
    "container":"0123456789abcdef","created_at":"2026-01-02T03:04:05.678Z","request_id":"r-1",
    "usage":{"measured":"process","why":null,"since":"then","busy":true,"last_busy_at":"now",
      "idle_for_s":0,"utilisation":{"now":0.43,"1m":0.4,"5m":0.2,"15m":0.1},
      "memory_used_mib":2048,"processes":2},
    "inject":{"driver":"cdi"}})";
  const std::string ended = R"({"id":"L-2","owner":{"hub":"hub","user":"bo","server":"x"},
    "state":"ended","reason":"container_exited","exit_code":137,"oom_killed":true,"mode":"shared",
    "gpus":[],"container":null,"created_at":"2026-01-02T03:04:05.678Z"})";
  answer("/v1/leases?state=live", 200, R"({"leases":[]})");
  answer("/v1/leases?state=all", 200, R"({"leases":[)" + active + "," + ended + "]}");
  answer("/v1/leases/L-1", 200, active);
  serve();
  EXPECT_EQ(run("leases"), "no leases\n= 0");
  EXPECT_EQ(run("leases --all"),
            "LEASE  OWNER  GPUS  MODE    STATE                                         "
            "USE        CONTAINER     SINCE\n"
            "L-1    ana    0,3   shared  active                                        "
            "busy 43 %  0123456789ab  2026-01-02T03:04:05.678Z\n"
            "L-2    bo/x   none  shared  ended: container_exited (137, out of memory)  "
            "-          -             2026-01-02T03:04:05.678Z\n"
            "= 0");
  EXPECT_EQ(run("lease L-1"),
            "lease           L-1\n"
            "owner           ana\n"
            "state           active\n"
            "gpu             0: GPU-1, A100\n"
            "gpu             3: GPU-4, A100\n"
            "use             busy 43 %\n"
            "load            43 %; 1 min: 40 %, 5 min: 20 %, 15 min: 10 %\n"
            "last busy       now\n"
            "on the GPU      2 processes, 2048 MiB\n"
            "measured        by its processes\n"
            "measured since  then\n"
            "mode            shared\n"
            "container       0123456789abcdef\n"
            "driver          cdi\n"
            "asked for by    r-1\n"
            "created         2026-01-02T03:04:05.678Z\n"
            "= 0");
}

TEST_F(Gpuctl, StatusIsGoodOnlyWhenReady) {
  answer("/readyz", 503, R"({"ready":false,"checks":[{"name":"store","ok":true,"detail":""},
    {"name":"runtime","ok":false,"detail":"no answer"}]})");
  serve();
  EXPECT_EQ(run("status"),
            "not ready\n"
            "CHECK    STATE  DETAIL\n"
            "store    ok\n"
            "runtime  wrong  no answer\n"
            "= 1");
  EXPECT_TRUE(run("status --json").ends_with("}\n= 1"));
}

TEST_F(Gpuctl, JsonIsTheAnswerOnOneLine) {
  answer("/v1/gpus", 200, "{ \"gpus\": [],\n \"x\": \"\\u009b\u202e\" }");
  serve();
  EXPECT_EQ(run("--json gpus"), "{\"gpus\":[],\"x\":\"\\u009b\\u202e\"}\n= 0");
  EXPECT_EQ(run("gpus --json"), run("--json gpus"));
}

TEST_F(Gpuctl, SaysWhatWentWrong) {
  answer("/v1/gpus", 503, R"({"title":"not ready\u001b","detail":"wait a little"})");
  answer("/v1/leases?state=live", 200, "hello");
  answer("/v1/leases?state=all", 500, "{}");
  serve();
  EXPECT_EQ(run("gpus"), "gpuctl: not ready?: wait a little\n= 1");
  EXPECT_EQ(run("leases"),
            "gpuctl: " + (folder / "s") + " answered 200 with what is not JSON\n= 1");
  EXPECT_EQ(run("leases --all"),
            "gpuctl: " + (folder / "s") + " answered 500 to /v1/leases?state=all\n= 1");
}

TEST_F(Gpuctl, SaysWhatToDoWhenNobodyListens) {
  const std::string said = run("gpus");
  EXPECT_TRUE(said.starts_with("gpuctl: cannot connect to " + (folder / "s") +
                               ": No such file or directory\ntry this: "))
      << said;
  EXPECT_TRUE(said.ends_with("= 1"));
  EXPECT_TRUE(run("gpus --socket /tmp/none").contains("connect to /tmp/none:"));
}

TEST_F(Gpuctl, AWrongCommandLineCarriesATry) {
  for (const char* args : {"", "gpu", "lease", "lease 'L-1?x'", "gpus --nonsense", "leases x"}) {
    const std::string said = run(args);
    EXPECT_TRUE(said.starts_with("gpuctl: ")) << said;
    EXPECT_TRUE(said.ends_with("\ntry this: gpuctl --help\n= 2")) << said;
  }
  EXPECT_TRUE(run("--help").ends_with("= 0"));
  EXPECT_EQ(run("version"), "gpuctl " GPUHUB_VERSION "\n= 0");
}

}  // namespace
}  // namespace gpuhub::ctl
