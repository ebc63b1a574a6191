#include "inject/inject.hpp"

#include <gtest/gtest.h>

namespace gpuhub::inject {
namespace {
using config::Driver;

model::GpuId gpu_id(const std::string& name) { return *model::GpuId::parse(name); }

model::Gpu gpu(const std::string& name, std::vector<model::DeviceNode> devices = {},
               std::vector<model::BindMount> mounts = {}) {
  model::GpuInfo info{gpu_id(name), "A100", {40960}, {}, {}, std::move(devices), std::move(mounts),
                      {}};
  return {std::move(info), 0, 1, "", true, false, {}};
}

model::Lease lease(const std::string& user = "ana", const std::string& server = "") {
  model::Owner owner{*model::HubName::parse("hub"), user, server};
  model::Request request{*model::RequestId::parse("r-1"), owner,          {},
                         model::WantCount{1},             model::Mode::shared,
                         {"compute", "utility"}, false};
  return {*model::LeaseId::parse("L-1"), std::move(request), *model::HostName::parse("h1"),
          *model::Epoch::parse("E1"),    model::LeaseState::granted,
          {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
}

Machine with_cdi() {
  Machine machine;
  machine.engine_cdi = true;
  machine.cdi_name = [](const model::GpuInfo& info) -> std::expected<std::string, std::string> {
    if (info.id.str() == "GPU-a") return "nvidia.com/gpu=0";
    if (info.id.str() == "GPU-b") return "nvidia.com/gpu=GPU-b";
    return std::unexpected{"no spec names it: nvidia-ctk cdi generate"};
  };
  return machine;
}

// The driver taken for `gpus`, or "error: " and why.
std::string driver(const std::vector<model::Gpu>& gpus, const Machine& machine) {
  const auto made = make(lease(), gpus, machine);
  return made ? made->driver : "error: " + made.error();
}

std::vector<std::string> arguments(const Injection& of) {
  std::vector<std::string> all;
  docker_run(of, [&](std::string_view one) { all.emplace_back(one); });
  return all;
}

TEST(Inject, AutoTakesDevicesThenCdiThenNvidia) {
  Machine machine = with_cdi();
  machine.engine_nvidia = true;
  EXPECT_EQ(driver({gpu("GPU-a", {{"/dev/a", "/dev/a"}})}, machine), "devices");
  EXPECT_EQ(driver({gpu("GPU-a"), gpu("GPU-b")}, machine), "cdi");
  EXPECT_EQ(driver({gpu("GPU-a"), gpu("GPU-c")}, machine), "nvidia");  // c has no CDI name
  machine.engine_cdi = false;
  EXPECT_EQ(driver({gpu("GPU-a")}, machine), "nvidia");
  machine.engine_nvidia = false;
  EXPECT_TRUE(driver({gpu("GPU-a")}, machine).starts_with("error: the container engine cannot give"
                                                          " GPU-a to a container: install"));
  machine.engine_nvidia = true;
  EXPECT_TRUE(driver({gpu("card-0")}, machine).starts_with("error: "));  // not NVIDIA's
}

TEST(Inject, AChosenDriverThatCannotWorkSaysWhatToDo) {
  Machine machine;
  machine.choice = Driver::cdi;
  EXPECT_NE(driver({gpu("GPU-a")}, machine).find("\"features\""), std::string::npos);
  machine = with_cdi();
  machine.choice = Driver::cdi;
  EXPECT_NE(driver({gpu("GPU-c")}, machine).find("nvidia-ctk cdi generate"), std::string::npos);
  machine.choice = Driver::nvidia;
  EXPECT_NE(driver({gpu("GPU-a")}, machine).find("nvidia-container-toolkit"), std::string::npos);
  machine.choice = Driver::devices;
  EXPECT_NE(driver({gpu("GPU-a")}, machine).find("no device nodes"), std::string::npos);
}

TEST(Inject, CdiNamesAreLookedUpAndTheVariableIsVoid) {
  const std::vector gpus{gpu("GPU-a"), gpu("GPU-b")};
  const auto made = make(lease(), gpus, with_cdi());
  ASSERT_TRUE(made);
  ASSERT_EQ(made->device_requests.size(), 1U);
  EXPECT_EQ(made->device_requests[0],
            (DeviceRequest{"cdi", {"nvidia.com/gpu=0", "nvidia.com/gpu=GPU-b"}}));
  EXPECT_EQ(made->environment,
            (Pairs{{"GPUHUB_GPUS", "GPU-a,GPU-b"},
                   {"GPUHUB_LEASE", "L-1"},
                   {"NVIDIA_VISIBLE_DEVICES", "void"}}));
  EXPECT_EQ(arguments(*made),
            (std::vector<std::string>{
                "--label", "gpuhub.epoch=E1", "--label", "gpuhub.gpus=GPU-a,GPU-b", "--label",
                "gpuhub.lease=L-1", "--label", "gpuhub.mode=shared", "--label",
                "gpuhub.owner=hub/ana/", "--env", "GPUHUB_GPUS=GPU-a,GPU-b", "--env",
                "GPUHUB_LEASE=L-1", "--env", "NVIDIA_VISIBLE_DEVICES=void", "--device",
                "nvidia.com/gpu=0", "--device", "nvidia.com/gpu=GPU-b"}));
}

TEST(Inject, NvidiaGetsUuidsAndCapabilities) {
  Machine machine;
  machine.engine_nvidia = true;
  const auto made = make(lease(), std::vector{gpu("GPU-a"), gpu("GPU-b")}, machine);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->device_requests[0], (DeviceRequest{"nvidia", {"GPU-a", "GPU-b"}}));
  EXPECT_EQ(made->environment.at("NVIDIA_DRIVER_CAPABILITIES"), "compute,utility");
  EXPECT_FALSE(made->environment.contains("NVIDIA_VISIBLE_DEVICES"));
  EXPECT_EQ(arguments(*made).back(), "\"device=GPU-a,GPU-b\"");
}

TEST(Inject, DevicesAndMountsComeOnceEach) {
  const std::vector gpus{
      gpu("GPU-a", {{"/v/dev/0", "/dev/nvidia0"}, {"/dev/ctl", "/dev/ctl"}}, {{"/l", "/m", true}}),
      gpu("GPU-b", {{"/v/dev/1", "/dev/nvidia1"}, {"/dev/ctl", "/dev/ctl"}}, {{"/l", "/m", true}})};
  const auto made = make(lease(), gpus, {});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->devices.size(), 3U);
  EXPECT_EQ(made->mounts.size(), 1U);
  EXPECT_EQ(made->environment.at("NVIDIA_VISIBLE_DEVICES"), "void");
  EXPECT_EQ(arguments(*made).back(),
            "type=bind,source=/l,target=/m,readonly");
}

TEST(Inject, WithoutGpusTheImageCannotTakeThemByItself) {
  const auto made = make(lease(), {}, {});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->driver, "none");
  EXPECT_EQ(made->environment.at("NVIDIA_VISIBLE_DEVICES"), "void");
  EXPECT_EQ(made->environment.at("NVIDIA_DRIVER_CAPABILITIES"), "");
  EXPECT_EQ(made->labels.at("gpuhub.gpus"), "");
  EXPECT_TRUE(made->device_requests.empty() && made->devices.empty() && made->mounts.empty());
}

TEST(Inject, LabelsHoldNoBracesAndTheOwnersPartsStayApart) {
  const auto made = make(lease("a{0}/b", "x%y"), {}, {});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->labels.at("gpuhub.owner"), "hub/a%7B0%7D%2Fb/x%25y");
  EXPECT_EQ(label_text("zoë ana@lab.org"), "zoë ana@lab.org");
}

}  // namespace
}  // namespace gpuhub::inject
