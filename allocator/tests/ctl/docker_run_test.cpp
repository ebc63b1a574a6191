// docker run's command lines: what each step is told, and what is refused.
#include "ctl/docker_run.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "ctl/contradictions.hpp"
#include "ctl/docker_flags.hpp"

namespace gpuhub::ctl {
namespace {

std::vector<std::string> words(const std::string& line) {
  std::istringstream in{line};
  std::vector<std::string> all;
  for (std::string word; in >> word;) all.push_back(word == "''" ? "" : word);
  return all;
}
std::string line(const std::vector<std::string>& all) {
  std::string out;
  for (const std::string& word : all) {
    out += (out.empty() ? "" : " ") + (word.empty() ? "''" : word);
  }
  return out;
}

struct Case {
  const char *typed, *create, *start;
};

// `docker create INJECT` and `docker start` stand in front of what is written here.
const std::vector<Case> cases{
    {"img", "-- img", "--attach C"},
    {"img cmd -d --rm", "-- img cmd -d --rm", "--attach C"},
    {"-- img", "-- img", "--attach C"},
    {"--rm -- img -- x", "--rm -- img -- x", "--attach C"},
    {"- x", "-- - x", "--attach C"},
    // detach, in all its forms
    {"-d img", "-- img", "C"},
    {"--detach img", "-- img", "C"},
    {"--detach=true img", "-- img", "C"},
    {"--detach=0 img", "-- img", "--attach C"},
    {"-d -d=false img", "-- img", "--attach C"},
    {"-d=false img", "-- img", "--attach C"},
    {"-itd img", "-i -t -- img", "C"},
    {"-dit img", "-i -t -- img", "C"},
    {"-d --detach-keys ctrl-x img", "-- img", "C"},
    // terminal and input
    {"-i img", "-i -- img", "--attach --interactive C"},
    {"-t img", "-t -- img", "--attach C"},
    {"-it img", "-i -t -- img", "--attach --interactive C"},
    {"-i -t img", "-i -t -- img", "--attach --interactive C"},
    {"--interactive --tty img", "--interactive --tty -- img", "--attach --interactive C"},
    {"-i=false img", "-i=false -- img", "--attach C"},
    {"--interactive=F img", "--interactive=F -- img", "--attach C"},
    {"-it=false img", "-i -t=false -- img", "--attach --interactive C"},
    {"-i --detach-keys ctrl-p,q img", "-i -- img",
     "--attach --interactive --detach-keys=ctrl-p,q C"},
    {"--detach-keys=ctrl-p,q img", "-- img", "--attach --detach-keys=ctrl-p,q C"},
    // signals and streams
    {"--sig-proxy img", "-- img", "--attach C"},
    {"--sig-proxy=true img", "-- img", "--attach C"},
    {"-d --sig-proxy=false img", "-- img", "C"},
    {"-a stdout -a stderr img", "-a stdout -a stderr -- img", "--attach C"},
    {"-a STDIN -astdout --attach=STDERR -i img", "-a STDIN -a stdout --attach=STDERR -i -- img",
     "--attach --interactive C"},
    // pulling
    {"--pull always img", "-- img", "--attach C"},
    {"--pull=always img", "-- img", "--attach C"},
    {"--pull=never img", "--pull=never -- img", "--attach C"},
    {"--pull missing -q img", "--pull missing -q -- img", "--attach C"},
    // what takes a value takes the next word, whatever it looks like
    {"--name d img", "--name d -- img", "--attach C"},
    {"--name -d img", "--name -d -- img", "--attach C"},
    {"--name=-d img", "--name=-d -- img", "--attach C"},
    {"-e --rm img", "-e --rm -- img", "--attach C"},
    {"-e A=b --env=C=d -eE=f img", "-e A=b --env=C=d -e E=f -- img", "--attach C"},
    {"-p80:80 -p=81:81 -p 82:82 img", "-p 80:80 -p 81:81 -p 82:82 -- img", "--attach C"},
    {"-itp80:80 img", "-i -t -p 80:80 -- img", "--attach --interactive C"},
    {"-Pdm 1g img", "-P -m 1g -- img", "C"},
    {"-e= img", "-e = -- img", "--attach C"},
    {"-u '' img", "-u '' -- img", "--attach C"},
    {"--entrypoint '' img", "--entrypoint '' -- img", "--attach C"},
    {"--entrypoint= img", "--entrypoint= -- img", "--attach C"},
    {"-v /a:/b --mount type=bind,source=/a,target=/b img",
     "-v /a:/b --mount type=bind,source=/a,target=/b -- img", "--attach C"},
    {"-w /x -h host -c 2 -l a=b img", "-w /x -h host -c 2 -l a=b -- img", "--attach C"},
    {"--net host --dns-opt x --cpu-percent 3 img", "--net host --dns-opt x --cpu-percent 3 -- img",
     "--attach C"},
    {"--rm --init --read-only --no-healthcheck img",
     "--rm --init --read-only --no-healthcheck -- img", "--attach C"},
    {"--cidfile /tmp/c --restart=always img", "--cidfile /tmp/c --restart=always -- img",
     "--attach C"},
    // an option of a later docker
    {"--future=1 img", "--future=1 -- img", "--attach C"},
};

TEST(DockerRun, EachStepIsToldItsOwn) {
  for (const Case& one : cases) {
    const auto run = read_docker_run(words(std::string{"docker run "} + one.typed));
    ASSERT_TRUE(run) << one.typed << ": " << run.error().what;
    EXPECT_EQ(line(create_arguments(*run, words("--label L"))),
              std::string{"docker create --label L "} + one.create)
        << one.typed;
    EXPECT_EQ(line(start_arguments(*run, "C")), std::string{"docker start "} + one.start)
        << one.typed;
  }
}

TEST(DockerRun, DockersOwnOptionsStayInFront) {
  for (const auto& [typed, client] : std::vector<std::pair<std::string, std::string>>{
           {"docker run", "docker"},
           {"/usr/bin/docker run", "/usr/bin/docker"},
           {"docker container run", "docker"},
           {"docker --context lab run", "docker --context lab"},
           {"docker -c lab -D container run", "docker -c lab -D"},
           {"docker -Hunix:///x --log-level=debug run", "docker -Hunix:///x --log-level=debug"},
           {"docker --config /c --tlsverify run", "docker --config /c --tlsverify"}}) {
    const auto run = read_docker_run(words(typed + " --rm img"));
    ASSERT_TRUE(run) << typed << ": " << run.error().what;
    EXPECT_EQ(line(run->client), client);
    EXPECT_EQ(line(start_arguments(*run, "C")), client + " start --attach C");
    EXPECT_EQ(line(client_arguments(*run, {"rm", "C"})), client + " rm C");
    EXPECT_EQ(line(pull_arguments(*run)), client + " pull -- img");
  }
}

TEST(DockerRun, WhatIsReadOfIt) {
  const auto run = read_docker_run(words(
      "docker run --rm -it --name first --name train -q --platform linux/amd64 --cidfile=c "
      "--pull never img"));
  ASSERT_TRUE(run);
  EXPECT_EQ(run->name, "train");
  EXPECT_EQ(run->platform, "linux/amd64");
  EXPECT_EQ(run->cidfile, "c");
  EXPECT_TRUE(run->remove && run->interactive && run->tty && run->quiet && !run->detach);
  EXPECT_EQ(run->pull, Pull::never);
}

TEST(DockerRun, WhatIsNoDockerRunIsRefused) {
  for (const auto& [typed, what] : std::vector<std::pair<std::string, std::string>>{
           {"", "nothing follows the --"},
           {"sudo docker run img", "gpuctl calls docker itself"},
           {"podman run img", "podman is not docker: the allocator watches Docker's engine"},
           {"docker", "only docker run gets a lease by gpuctl run"},
           {"docker create img", "only docker run gets a lease by gpuctl run"},
           {"docker container create img", "only docker run gets a lease by gpuctl run"},
           {"docker compose run img", "only docker run gets a lease by gpuctl run"},
           {"docker --future run img",
            "--future is an option that gpuctl does not know; write --future=VALUE"},
           {"docker run", "docker run names no image"},
           {"docker run --rm", "docker run names no image"},
           {"docker run --", "docker run names no image"},
           {"docker run --help", "docker run --help runs nothing"},
           {"docker run --name", "docker run: --name needs a value"},
           {"docker run -e", "docker run: -e needs a value"},
           {"docker run --future img",
            "docker run: --future is an option that gpuctl does not know; write --future=VALUE"},
           {"docker run -z img", "docker run: -z: there is no option -z"},
           {"docker run -iz img", "docker run: -iz: there is no option -z"},
           {"docker run -d= img", "docker run: -d=: there is no option -="},
           {"docker run --rm=maybe img", "docker run: --rm=maybe: a switch is true or false"},
           {"docker run -d=x img", "docker run: -d=x: a switch is true or false"},
           {"docker run ---rm img", "docker run: ---rm is no option"},
           {"docker run --=x img", "docker run: --=x is no option"},
           {"docker run -a stdout img",
            "docker start cannot attach to one of the output streams only"},
           {"docker run -i -a stdin img",
            "docker start cannot attach to one of the output streams only"},
           {"docker run -d -a stdout -a stderr img",
            "--attach and --detach contradict each other"},
           {"docker run --sig-proxy=false img",
            "docker start cannot keep signals from the container (--sig-proxy=false)"}}) {
    const auto run = read_docker_run(words(typed));
    ASSERT_FALSE(run) << typed;
    EXPECT_EQ(run.error().what, what) << typed;
    EXPECT_FALSE(run.error().instead.empty()) << typed;
  }
}

TEST(DockerRun, WhatContradictsALeaseIsRefused) {
  for (const auto* options :
       {"--gpus all", "--gpus=2", "--privileged", "--privileged=true", "--runtime nvidia",
        "--runtime=nvidia-experimental", "--device /dev/nvidia0",
        "--device=/dev/nvidiactl:/dev/x:rw", "--device /dev/nvidia-uvm",
        "--device /dev/nvidia-caps/nvidia-cap1", "--device //dev//nvidia0",
        "--device /dev/../dev/nvidia0", "--device /dev", "--device /dev/:/dev",
        "--device nvidia.com/gpu=all", "-e NVIDIA_VISIBLE_DEVICES=all",
        "-eNVIDIA_VISIBLE_DEVICES=0",
        "--env NVIDIA_VISIBLE_DEVICES", "-l gpuhub.lease=L-2", "--label=gpuhub.gpus=x",
        "-it -e A=b --gpus 1", "-ite NVIDIA_VISIBLE_DEVICES=0"}) {
    const auto run = read_docker_run(words(std::string{"docker run "} + options + " img"));
    ASSERT_FALSE(run) << options;
    EXPECT_TRUE(run.error().what.contains("contradicts the lease")) << run.error().what;
    EXPECT_FALSE(run.error().instead.empty()) << options;
  }
  for (const auto* rule : {"a *:* rwm", "c 195:* rwm", "c 195:0 rw", "c *:* rwm"}) {
    EXPECT_TRUE(contradiction("device-cgroup-rule", rule)) << rule;
  }
}

TEST(DockerRun, WhatIsInNoOnesWayIsLetPass) {
  for (const auto* options :
       {"--privileged=false", "--runtime runc", "--device /dev/fuse", "--device /dev/dri",
        "--device vendor.com/nic=1", "-e CUDA_VISIBLE_DEVICES=0",
        "-e NVIDIA_DRIVER_CAPABILITIES=all",
        "-e MY_NVIDIA_VISIBLE_DEVICES=1", "-l gpuhubx=1", "--cap-add SYS_PTRACE",
        "-v /dev/shm:/dev/shm", "--name --gpus", "--shm-size 8g"}) {
    const auto run = read_docker_run(words(std::string{"docker run "} + options + " img"));
    EXPECT_TRUE(run) << options << ": " << run.error().what;
  }
  EXPECT_FALSE(contradiction("device-cgroup-rule", "c 10:229 rwm"));
  EXPECT_FALSE(contradiction("device-cgroup-rule", "b 195:0 r"));
  // What follows the image is the container's.
  EXPECT_TRUE(read_docker_run(words("docker run img --gpus all --privileged")));
}

}  // namespace
}  // namespace gpuhub::ctl
