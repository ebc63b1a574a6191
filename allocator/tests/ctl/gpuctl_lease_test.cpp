// gpuctl acquire, bind and release, for scripts; and what is said of requests that wait.
#include "program.hpp"

namespace gpuhub::ctl {
namespace {

const std::string container(64, 'c');
const std::string granted = R"({"id":"L-1","state":"granted","epoch":"e1","revision":"9",
  "bind_expires_at":"2026-01-01T00:00:00.000Z",
  "gpus":[{"index":0,"uuid":"GPU-1","model":"A100"},{"index":3,"uuid":"GPU-4","model":"A100"}],
  "inject":{"docker_run":["--label","gpuhub.owner=local/ana/it's",
                          "--gpus","\"device=GPU-1,GPU-4\""]}})";
const std::string next_steps =
    "gpuctl: lease L-1: GPU 0 (A100), GPU 3 (A100)\n"
    "it lapses unless a container is bound: docker create, then gpuctl bind L-1 CONTAINER, then "
    "docker start\n= 0";
const std::string queued = R"({"id":"L-2","owner":{"hub":"local","user":"bo","server":"run-1"},
  "state":"queued","reason":null,"mode":"shared","wants":{"count":2},"gpus":[],"container":null,
  "created_at":"2026-01-02T03:04:05.678Z","granted_at":null,"request_id":"r-2","queue":{
    "position":2,"of":5,"expires_at":"2026-01-03T03:04:05.678Z","why":"two free GPUs",
    "renew_by":"2026-01-02T03:09:05.678Z","hidden":1,
    "estimate":{"early_s":60,"likely_s":600,"late_s":3600},
    "holders":[{"gpu":"GPU-1","index":0,"user":"ana","server":"","since":"then"}]}})";

class GpuctlLease : public Program {};

TEST_F(GpuctlLease, AcquirePrintsTheIdForScripts) {
  answer("POST /v1/leases", 201, granted);
  EXPECT_EQ(run("acquire"), "L-1\n" + next_steps);
  EXPECT_EQ(run("acquire 2> /dev/null"), "L-1\n= 0");
  EXPECT_TRUE(run("acquire --json 2> /dev/null").starts_with(R"({"id":"L-1","state":"granted")"));
  EXPECT_EQ(run("acquire --format docker 2> /dev/null"),
            "--label 'gpuhub.owner=local/ana/it'\\''s' --gpus '\"device=GPU-1,GPU-4\"'\n= 0");
}

TEST_F(GpuctlLease, WhatAcquirePrintsForAShellIsReadBackByIt) {
  answer("POST /v1/leases", 201, granted);
  docker("create) echo made ;;");
  std::ofstream{folder / "script"} << "eval \"$(" GPUCTL " acquire --format env)\"\n"
                                      "echo $GPUHUB_LEASE $GPUHUB_GPUS\n"
                                      "eval \"docker create $GPUHUB_DOCKER_RUN img 'a b'\"\n";
  const std::string command = "PATH=" + path + " GPUHUB_SOCKET=" + socket + " sh " +
                              (folder / "script") + " > " + (folder / "out") + " 2> /dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::ostringstream out;
  out << std::ifstream{folder / "out"}.rdbuf();
  EXPECT_EQ(out.str(), "L-1 GPU-1,GPU-4\nmade\n");
  EXPECT_EQ(docker_calls().front(),
            R"(create --label gpuhub.owner=local/ana/it\'s --gpus \"device=GPU-1\,GPU-4\" )"
            R"(img a\ b)");
}

TEST_F(GpuctlLease, AcquireSaysHowLongThereIsToBind) {
  answer("POST /v1/leases", 201, R"({"id":"L-1","state":"granted","gpus":[],
    "bind_expires_at":"2126-01-01T00:00:00.000Z","inject":{"docker_run":[]}})");
  const std::string said = run("acquire --gpus none");
  const std::regex in_days{"it lapses in \\d+ days( \\d+ h)? unless"};
  EXPECT_TRUE(std::regex_search(said, in_days)) << said;
  EXPECT_TRUE(said.contains("gpuctl: lease L-1: no GPU\n")) << said;
}

TEST_F(GpuctlLease, AcquireRefused) {
  answer("POST /v1/leases", 409, R"({"type":"urn:gpuhub:problem:owner-active",
    "title":"there is one already","detail":"x","lease":{"id":"L-7"}})");
  EXPECT_EQ(run("acquire --name x"), "gpuctl: there is one already: x\n"
                                     "try this: another --name, or gpuctl release L-7\n= 1");
  EXPECT_EQ(run("acquire --gpus 0"),
            "gpuctl: --gpus 0: neither a number nor UUIDs\ntry this: --gpus 2, --gpus all, "
            "--gpus none or --gpus UUID,UUID (gpuctl gpus shows them)\n= 2");
  EXPECT_EQ(run("acquire --wait=soon"),
            "gpuctl: --wait=soon: no duration\ntry this: --wait=90s, --wait=10m, --wait=2h or "
            "--wait alone\n= 2");
  answer("POST /v1/leases", 200, R"({"id":"not one"})");
  run("acquire");
  EXPECT_EQ(run("acquire"), "gpuctl: " + socket + " answered with what is no lease\n= 1");
}

// The kernel says who asks at the people's socket; by the admin's one asks for somebody.
TEST_F(GpuctlLease, WhoAsksDependsOnTheSocket) {
  answer("POST /v1/leases", 201, granted);
  const auto owner_of = [](const std::string& body) {
    const std::size_t from = body.find("\"owner\":");
    return body.substr(from, body.find('}', from) + 1 - from);
  };
  EXPECT_TRUE(run("acquire --name x").ends_with("= 0"));
  EXPECT_EQ(owner_of(asked().back()), R"("owner":{"server":"x"})");
  const std::string admin = made(folder, "admin") + "/s";
  ScriptedAllocator other{admin};
  other.on("POST /v1/leases", {201, granted});
  for (const auto& [set, args, user] : std::vector<std::array<std::string, 3>>{
           {"SUDO_USER=ana USER=root ", "", "ana"},
           {"USER=bo ", "", "bo"},
           {"", "", "root"},
           {"USER=bo ", " --user cy", "cy"}}) {
    environment = set;
    EXPECT_TRUE(run("acquire --name x --socket " + admin + args).ends_with("= 0"));
    EXPECT_EQ(owner_of(other.asked().back()),
              R"("owner":{"server":"x","user":")" + user + "\"}");
  }
}

TEST_F(GpuctlLease, BindNamesTheContainer) {
  answer("GET /v1/leases/L-1", 200, granted);
  answer("POST /v1/leases/L-1/bind", 200, R"({"id":"L-1","state":"active"})");
  docker("inspect) echo " + container + " ;;");
  const std::string call =
      R"(POST /v1/leases/L-1/bind {"container":")" + container + R"(","epoch":"e1"})";
  EXPECT_EQ(run("bind L-1 train"), "L-1: active; now: docker start train\n= 0");
  EXPECT_EQ(docker_calls().front(),
            R"(inspect --type=container --format=\{\{.Id\}\} -- train)");
  EXPECT_EQ(asked().back(), call);
  EXPECT_EQ(run("bind --json L-1 " + container), "{\"id\":\"L-1\",\"state\":\"active\"}\n= 0");
  EXPECT_EQ(docker_calls().size(), 1U) << "a whole id is known";
}

TEST_F(GpuctlLease, ARefusedBindSaysNotToStart) {
  answer("GET /v1/leases/L-1", 200, granted);
  answer("POST /v1/leases/L-1/bind", 409,
         R"({"type":"urn:gpuhub:problem:lease-state","title":"wrong state","detail":"lapsed"})");
  docker("inspect) [[ $5 == train ]] && echo " + container + " || { echo none >&2; false; } ;;");
  EXPECT_EQ(run("bind L-1 train"),
            "gpuctl: wrong state: lapsed\ndo not start the container: its GPUs are not yours; "
            "docker rm train\n= 1");
  EXPECT_EQ(run("bind L-1 other"),
            "gpuctl: docker knows no container other\ntry this: gpuctl bind LEASE ID, with the "
            "whole id that docker create has printed\n= 1");
}

TEST_F(GpuctlLease, ReleaseSaysWhatIsLeftToDo) {
  answer("DELETE /v1/leases/L-1", 200,
         R"({"id":"L-1","state":"ended","reason":"released","container":null})");
  answer("DELETE /v1/leases/L-2", 200,
         R"({"id":"L-2","state":"ending","reason":null,"container":")" + container + "\"}");
  answer("DELETE /v1/leases/L-3", 404, R"({"type":"urn:gpuhub:problem:not-found",
    "title":"not found","detail":"there is no such lease"})");
  EXPECT_EQ(run("release L-1"), "L-1: ended: released\n= 0");
  EXPECT_EQ(run("release L-2"), "L-2: ending; its GPUs are free when its container ends: docker "
                                "stop cccccccccccc\n= 0");
  EXPECT_EQ(run("release L-3"), "gpuctl: not found: there is no such lease\n"
                                "try this: gpuctl leases and gpuctl gpus show what there is\n= 1");
  EXPECT_TRUE(run("release L-1 --json").starts_with("{\"id\":\"L-1\""));
}

TEST_F(GpuctlLease, ARequestThatWaitsIsShown) {
  answer("GET /v1/leases/L-2", 200, queued);
  answer("GET /v1/leases?state=live", 200, R"({"leases":[{"id":"L-1","state":"active",
    "owner":{"hub":"hub","user":"ana","server":""},"mode":"shared","container":null,
    "created_at":"t","gpus":[{"index":0,"fault":"xid 79"},{"index":1,"fault":null}]},)" +
                                              queued + "]}");
  EXPECT_EQ(run("lease L-2"),
            "lease         L-2\n"
            "owner         local:bo/run-1\n"
            "state         queued: 2nd of 5, about 10 min (1 min to 1 h)\n"
            "waits for     two free GPUs\n"
            "held          GPU 0  ana  since then\n"
            "held          1 more is not shown\n"
            "renewed by    2026-01-02T03:09:05.678Z\n"
            "waits until   2026-01-03T03:04:05.678Z\n"
            "wants         2 GPUs\n"
            "mode          shared\n"
            "asked for by  r-2\n"
            "created       2026-01-02T03:04:05.678Z\n= 0");
  EXPECT_EQ(run_squeezed("leases"),
            "LEASE  OWNER  GPUS  MODE  STATE  USE  CONTAINER  SINCE\n"
            "L-1  ana  0 (faulty),1  shared  active  -  -  t\n"
            "L-2  local:bo/run-1  (2 GPUs)  shared  queued: 2nd of 5, about 10 min (1 min to 1 h)"
            "  -  -  2026-01-02T03:04:05.678Z\n= 0");
}

TEST_F(GpuctlLease, TheQueueIsShownInItsOrder) {
  answer("GET /v1/leases?state=live", 200,
         R"({"leases":[{"id":"L-1","state":"active"},)" + queued + "]}");
  EXPECT_EQ(run_squeezed("queue"),
            "PLACE  OWNER  WANTS  ESTIMATE  SINCE  LEASE  WAITS FOR\n"
            "2  local:bo/run-1  2 GPUs  about 10 min (1 min to 1 h)  2026-01-02T03:04:05.678Z  "
            "L-2  two free GPUs\n= 0");
  EXPECT_TRUE(run("queue --json").starts_with(R"({"leases":[{"id":"L-2",)"));
  allocator.only("GET /v1/leases?state=live",
                 {200, R"({"leases":[{"id":"L-1","state":"active"}]})"});
  EXPECT_EQ(run("queue"), "nobody waits\n= 0");
}

}  // namespace
}  // namespace gpuhub::ctl
