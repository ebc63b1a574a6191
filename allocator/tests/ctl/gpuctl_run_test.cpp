// gpuctl run: from the command line over lease, create, bind and start to the exit status, with
// each step refused or failing in turn.
#include "program.hpp"

namespace gpuhub::ctl {
namespace {

const std::string container(64, 'c');
const std::string granted = R"({"id":"L-1","state":"granted","epoch":"e1","revision":"7",
  "gpus":[{"index":2,"uuid":"GPU-3","model":"A100","fault":null}],
  "inject":{"docker_run":["--label","gpuhub.lease=L-1","--gpus","\"device=GPU-3\""]}})";
const std::string bind_call =
    R"(POST /v1/leases/L-1/bind {"container":")" + container + R"(","epoch":"e1"})";
const std::string inspect_call =
    R"(inspect --type=container --format=\{\{.State.StartedAt\}\}\ \{\{.State.ExitCode\}\} )" +
    container;
const std::string image_call = R"(image inspect --format=\{\{.Id\}\} -- img)";
const std::string lease_line = "gpuctl: lease L-1: GPU 2 (A100)\n";

class GpuctlRun : public Program {
 protected:
  // A docker whose `start` does as given; what the others do is usual, unless `more` says it.
  void docker_starts(const std::string& start, const std::string& more = "") {
    docker(more + "create) echo " + container + " ;;\nstart) " + start + " ;;\n");
  }
  void lease_is_granted() {
    answer("POST /v1/leases", 201, granted);
    answer("POST /v1/leases/L-1/bind", 200, granted);
    answer("DELETE /v1/leases/L-1", 200, R"({"id":"L-1","state":"ended"})");
  }
  static std::string ask(const std::string& server, const std::string& gpus = R"({"count":1})",
                         const std::string& mode = "shared", const std::string& wait = "true") {
    return R"(POST /v1/leases {"request_id":"R","owner":{"server":")" + server + R"("},"gpus":)" +
           gpus + R"(,"mode":")" + mode + R"(","wait":)" + wait + "}";
  }
  static std::string create_call(const std::string& more) {
    return R"(create --label gpuhub.lease=L-1 --gpus \"device=GPU-3\" )" + more;
  }
  static std::string removed(const std::string& why, int status) {
    return lease_line + "gpuctl: " + why +
           "\nthe container is removed, the lease is given back\n= " + std::to_string(status);
  }
  const std::string remove_call = "rm --force --volumes " + container;
  using Lines = std::vector<std::string>;
};

TEST_F(GpuctlRun, BindsBetweenCreateAndStart) {
  answer("POST /v1/leases", 201, granted);
  Reply bound{200, granted, Reply::How::answer, {}};
  bound.first = [this] { std::ofstream{folder / "docker.log", std::ios::app} << "BIND\n"; };
  allocator.on("POST /v1/leases/L-1/bind", bound);
  docker_starts("echo out; echo err >&2; exit 3");
  EXPECT_EQ(run("run -- docker run --rm --name train img a 'b c'"),
            lease_line + "out\nerr\n= 3");
  EXPECT_EQ(asked(), (Lines{ask("train"), bind_call}));
  EXPECT_EQ(docker_calls(),
            (Lines{image_call, create_call(R"(--rm --name train -- img a b\ c)"), "BIND",
                   "start --attach " + container, inspect_call}));
}

TEST_F(GpuctlRun, AsksForWhatWasTyped) {
  lease_is_granted();
  docker_starts("exit 0");
  for (const auto& [typed, expected] : std::vector<std::pair<std::string, std::string>>{
           {"--name big --gpus 2", ask("big", R"({"count":2})")},
           {"--name x --gpus all --exclusive", ask("x", R"({"all":true})", "exclusive")},
           {"--name x --gpus none --wait=10m", ask("x", R"({"none":true})")},
           {"--name x --no-wait --gpus GPU-1,GPU-2",
            ask("x", R"({"uuids":["GPU-1","GPU-2"]})", "shared", "false")}}) {
    EXPECT_TRUE(run("run " + typed + " -- docker run --name not-this img").ends_with("= 0"));
    EXPECT_EQ(asked()[asked().size() - 2], expected);
  }
}

TEST_F(GpuctlRun, TwoRunsWithoutANameAreTwoLeases) {
  lease_is_granted();
  docker_starts("exit 0");
  run("run -- docker run img");
  run("run -- docker run img");
  const std::regex drawn{R"re("owner":\{"server":"(run-[0-9a-f]{8})"\})re"};
  std::smatch first, second;
  const std::string one = asked()[0], other = asked()[2];
  ASSERT_TRUE(std::regex_search(one, first, drawn)) << one;
  ASSERT_TRUE(std::regex_search(other, second, drawn)) << other;
  EXPECT_NE(first[1], second[1]);
  EXPECT_NE(allocator.asked()[0].substr(0, 60), allocator.asked()[2].substr(0, 60));  // the ids
}

TEST_F(GpuctlRun, DetachedItReturnsAtOnce) {
  lease_is_granted();
  docker_starts("echo $2");
  EXPECT_EQ(run("run -- docker run -itd img"), lease_line + container + "\n= 0");
  EXPECT_EQ(docker_calls()[2], "start " + container);
}

TEST_F(GpuctlRun, StandardInputIsTheContainers) {
  lease_is_granted();
  docker_starts("cat");
  EXPECT_EQ(run("run -- docker run -i img < /etc/hostname > " + (folder / "out")),
            lease_line + "= 0");
  EXPECT_EQ(docker_calls()[2], "start --attach --interactive " + container);
  std::ostringstream here, there;
  here << std::ifstream{"/etc/hostname"}.rdbuf();
  there << std::ifstream{folder / "out"}.rdbuf();
  EXPECT_EQ(here.str(), there.str());
}

TEST_F(GpuctlRun, WithoutATerminalThereIsNoReadingFromOne) {
  EXPECT_EQ(run("run -- docker run -it img < /dev/null"),
            "gpuctl: -it needs a terminal to read from\ntry this: without -t\n= 1");
  EXPECT_EQ(asked(), Lines{});
}

TEST_F(GpuctlRun, ARefusedBindRemovesTheContainer) {
  answer("POST /v1/leases", 201, granted);
  answer("POST /v1/leases/L-1/bind", 409,
         R"({"type":"urn:gpuhub:problem:lease-state","title":"wrong state",
             "detail":"it has lapsed"})");
  docker_starts("exit 0");
  EXPECT_EQ(run("run -- docker run img"), removed("wrong state: it has lapsed", 125));
  EXPECT_EQ(docker_calls(), (Lines{image_call, create_call("-- img"), remove_call}));
  EXPECT_EQ(asked().back(), "DELETE /v1/leases/L-1");
}

TEST_F(GpuctlRun, ABindWithoutAnAnswerIsAskedForAgain) {
  answer("POST /v1/leases", 201, granted);
  allocator.on("POST /v1/leases/L-1/bind", {.how = Reply::How::cut});
  answer("POST /v1/leases/L-1/bind", 200, granted);
  docker_starts("exit 0");
  EXPECT_TRUE(run("run -- docker run img").ends_with("= 0"));
  EXPECT_EQ(asked().size(), 3U);
  EXPECT_EQ(docker_calls().back(), "start --attach " + container);
}

TEST_F(GpuctlRun, ABindThatIsNeverAnsweredRemovesTheContainer) {
  answer("POST /v1/leases", 201, granted);
  allocator.on("POST /v1/leases/L-1/bind", {.how = Reply::How::cut});
  docker_starts("exit 0");
  const std::string said = run("run -- docker run img");
  EXPECT_TRUE(said.ends_with("the container is removed, the lease is given back\n= 125")) << said;
  EXPECT_EQ(docker_calls().back(), remove_call);
  EXPECT_EQ(asked(), (Lines{asked()[0], bind_call, bind_call, bind_call, "DELETE /v1/leases/L-1"}));
}

TEST_F(GpuctlRun, AContainerThatCannotBeCreatedGivesTheLeaseBack) {
  lease_is_granted();
  docker("create) echo 'the name is taken' >&2; exit 1 ;;");
  EXPECT_EQ(run("run -- docker run img"),
            lease_line + "the name is taken\n"
                         "gpuctl: docker create did not succeed; the lease is given back\n= 125");
  EXPECT_EQ(asked().back(), "DELETE /v1/leases/L-1");
  docker("create) echo nonsense ;;");
  EXPECT_TRUE(run("run -- docker run img").contains(
      "docker create gave no container id, but: nonsense; the lease is given back\n= 125"));
}

TEST_F(GpuctlRun, AContainerThatNeverRanIsRemoved) {
  lease_is_granted();
  for (const auto& [engine, status] : std::vector<std::pair<int, int>>{
           {127, 127}, {126, 126}, {128, 125}, {0, 125}}) {
    docker_starts("exit 1", "inspect) echo 0001-01-01T00:00:00Z " + std::to_string(engine) + ";;");
    EXPECT_EQ(run("run -- docker run img"), removed("the container did not start", status));
    EXPECT_EQ(docker_calls().back(), remove_call);
    EXPECT_EQ(asked().back(), "DELETE /v1/leases/L-1");
  }
}

TEST_F(GpuctlRun, ItsIdFileGoesWithIt) {
  lease_is_granted();
  docker_starts("exit 1", "inspect) echo 0001-01-01T00:00:00Z 127;;");
  std::ofstream{folder / "cid"} << container;
  run("run -- docker run --cidfile " + (folder / "cid") + " img");
  EXPECT_FALSE(std::filesystem::exists(folder / "cid"));
  std::ofstream{folder / "cid"} << "another";
  run("run -- docker run --cidfile " + (folder / "cid") + " img");
  EXPECT_TRUE(std::filesystem::exists(folder / "cid"));
}

TEST_F(GpuctlRun, TheProgramsOwnStatusIsPassedOn) {
  lease_is_granted();
  for (const int status : {1, 2, 42, 125, 126, 127, 137, 255}) {
    docker_starts("exit " + std::to_string(status),
                  "inspect) echo 2026-01-02T03:04:05Z " + std::to_string(status) + ";;");
    EXPECT_EQ(run("run -- docker run img"), lease_line + "= " + std::to_string(status));
  }
  docker_starts("kill -KILL $$", "inspect) echo 2026-01-02T03:04:05Z 0;;");
  EXPECT_EQ(run("run -- docker run img"), lease_line + "= 137");
  EXPECT_EQ(asked().back(), bind_call) << "what has run ends its lease by itself";
}

// The engine has removed it: only the allocator has seen whether it ran.
TEST_F(GpuctlRun, WithRmTheLeaseTellsWhetherItRan) {
  lease_is_granted();
  docker_starts("exit 1", "inspect) echo no such container >&2; exit 1;;");
  answer("GET /v1/leases/L-1?wait=3", 200, R"({"state":"active","revision":"8 x"})");
  answer("GET /v1/leases/L-1?wait=3&revision=8%20x", 200,
         R"({"state":"ended","reason":"container_exited"})");
  EXPECT_EQ(run("run -- docker run --rm img"), lease_line + "= 1");
  EXPECT_EQ(asked().back(), "GET /v1/leases/L-1?wait=3&revision=8%20x");
  EXPECT_EQ(docker_calls().back(), inspect_call);
}

TEST_F(GpuctlRun, WithRmAFailedStartIsTold) {
  lease_is_granted();
  docker_starts("exit 1", "inspect) exit 1;;");
  answer("GET /v1/leases/L-1?wait=3", 200, R"({"state":"ended","reason":"container_gone"})");
  EXPECT_EQ(run("run -- docker run --rm img"),
            lease_line + "gpuctl: the container did not start, and the engine has removed it (--rm)"
                         "\n= 125");
  docker_starts("exit 7", "inspect) exit 1;;");  // no failed start ends so
  EXPECT_EQ(run("run -- docker run --rm img"), lease_line + "= 7");
}

TEST_F(GpuctlRun, AnImageIsFetchedBeforeTheLeaseIsAskedFor) {
  lease_is_granted();
  docker_starts("exit 0", "image) exit 1 ;;\npull) echo layers ;;\n");
  EXPECT_EQ(run("run -- docker run --quiet --platform linux/arm64 img 2> /dev/null"), "= 0");
  EXPECT_EQ(docker_calls()[1], "pull --quiet --platform=linux/arm64 -- img");
  EXPECT_EQ(docker_calls()[2], create_call("--quiet --platform linux/arm64 -- img"));

  docker_starts("exit 0", "image) exit 1 ;;\npull) echo no such thing >&2; exit 1 ;;\n");
  const std::size_t before = asked().size();
  EXPECT_EQ(run("run -- docker run img"),
            "no such thing\ngpuctl: docker pull did not succeed\n= 125");
  EXPECT_EQ(run("run -- docker run --pull never img"),
            "gpuctl: the image img is not here, or docker does not answer\n"
            "try this: docker pull img\n= 125");
  EXPECT_EQ(asked().size(), before) << "no lease was asked for";
}

TEST_F(GpuctlRun, AnImageThatIsAlwaysPulledIsPulledOnce) {
  lease_is_granted();
  docker_starts("exit 0");
  EXPECT_TRUE(run("run -- docker --context lab run --pull=always img").ends_with("= 0"));
  const Lines calls = docker_calls();
  EXPECT_EQ(calls, (Lines{"--context lab pull -- img",
                          "--context lab " + create_call("-- img"),
                          "--context lab start --attach " + container}));
}

TEST_F(GpuctlRun, WithoutDockerItSaysSo) {
  path = folder / "bin";
  EXPECT_EQ(run("run -- docker run img"),
            "gpuctl: there is no docker here\ntry this: install the docker client of your "
            "distribution; ./gpuhub ctl has none, use a gpuctl of the host\n= 125");
  EXPECT_EQ(asked(), Lines{});
}

TEST_F(GpuctlRun, WhatContradictsTheLeaseIsRefusedBeforeAnythingIsAsked) {
  docker("");
  EXPECT_EQ(run("run -- docker run --rm --gpus all img"),
            "gpuctl: --gpus all contradicts the lease, which alone says what GPUs the container "
            "has\ntry this: without it: how many, or which, is said to gpuctl: gpuctl run --gpus 2 "
            "-- docker run …\n= 125");
  EXPECT_EQ(docker_calls(), Lines{});
  EXPECT_EQ(asked(), Lines{});
}

TEST_F(GpuctlRun, AWrongLineOfOurOwnIsTwo) {
  for (const auto* line : {"run --json -- docker run img", "run docker run img", "run --gpu 1",
                           "run --wait --no-wait -- docker run img",
                           "run --wait 5m -- docker run x"}) {
    const std::string said = run(line);
    EXPECT_TRUE(said.ends_with("\ntry this: gpuctl run [OPTIONS] -- docker run …\n= 2")) << said;
  }
  EXPECT_EQ(run("run"), "gpuctl: nothing follows the --\n"
                        "try this: gpuctl run -- docker run --rm -it IMAGE\n= 125");
  EXPECT_EQ(run("gpus -- docker run img"),
            "gpuctl: --: only run takes another command behind it\ntry this: gpuctl --help\n= 2");
  EXPECT_TRUE(run("run --gpus 0 -- docker run img").ends_with("= 2"));
  EXPECT_TRUE(run("run --help").contains("Usage: gpuctl run [OPTIONS] -- docker run [OPTIONS]"));
}

TEST_F(GpuctlRun, ALeaseWithoutArgumentsForDockerIsGivenBack) {
  answer("POST /v1/leases", 201, R"({"id":"L-1","state":"granted","inject":{"docker_run":[1]}})");
  docker("");
  EXPECT_EQ(run("run -- docker run img"),
            "gpuctl: lease L-1: no GPU\ngpuctl: the lease does not say what docker is to be told\n"
            "= 125");
  EXPECT_EQ(asked().back(), "DELETE /v1/leases/L-1");
}

}  // namespace
}  // namespace gpuhub::ctl
