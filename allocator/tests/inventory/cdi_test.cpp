// CDI specs as folders of declared files: what the engine would call each GPU.
#include "inventory/cdi.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <format>
#include <fstream>
#include <random>

namespace gpuhub::inventory {
namespace {

// As `nvidia-ctk cdi generate` writes them, shortened.
constexpr auto kByIndex = R"(---
cdiVersion: 0.5.0
kind: nvidia.com/gpu
containerEdits:
  env: [NVIDIA_VISIBLE_DEVICES=void]
  deviceNodes:
  - path: /dev/nvidiactl
devices:
- name: "0"
  containerEdits:
    deviceNodes:
    - path: /dev/nvidia4
    - path: /dev/dri/card1
- name: "1"
  containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
      hostPath: /run/driver/dev/nvidia0
- name: "1:0"
  containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
    - path: /dev/nvidia-caps/nvidia-cap21
- name: all
  containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
    - path: /dev/nvidia4
)";
constexpr auto kByUuid = R"({
	"cdiVersion": "0.6.0",
	"kind": "nvidia.com/gpu",
	"devices": [
		{"name": "GPU-a", "containerEdits": {"deviceNodes": [{"path": "/dev/nvidia0"}]}},
		{"name": "GPU-b", "containerEdits": {"deviceNodes": [{"path": "/dev/nvidia1"}]}}
	],
	"containerEdits": {"env": ["NVIDIA_VISIBLE_DEVICES=void"]}
})";

class Cdi : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "cdi.XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    folders_ = {root_ + "/etc", root_ + "/run"};
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void file(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + "/" + path).parent_path());
    std::ofstream(root_ + "/" + path) << text;
  }
  CdiSpecs read() { return read_cdi(folders_); }

  // "nvidia.com/gpu=0", or the error.
  std::string name(const std::string& uuid, std::optional<int> minor) {
    const model::GpuInfo gpu{.id = *model::GpuId::parse(uuid), .model = "Card",
                             .memory = {}, .minor = minor, .pci_bus = "", .devices = {},
                             .mounts = {}, .slots = {}};
    auto found = cdi_name(read(), gpu);
    return found ? *found : found.error();
  }
  // The warnings, without the folder.
  std::string warnings() {
    std::string all;
    for (auto warning : read().warnings) {
      for (auto at = warning.find(root_); at != std::string::npos; at = warning.find(root_)) {
        warning.erase(at, root_.size());
      }
      all += warning + "\n";
    }
    return all;
  }

  std::string root_;
  std::vector<std::string> folders_;
};

TEST_F(Cdi, FindsADeviceNamedByUuid) {
  file("etc/nvidia.json", kByUuid);
  EXPECT_EQ(name("GPU-b", std::nullopt), "nvidia.com/gpu=GPU-b");
  EXPECT_EQ(warnings(), "");
}

TEST_F(Cdi, FindsADeviceNamedByIndexByItsNode) {
  file("run/nvidia.yaml", kByIndex);
  EXPECT_EQ(name("GPU-a", 4), "nvidia.com/gpu=0");
  EXPECT_EQ(name("GPU-a", 0), "nvidia.com/gpu=1") << "not the MIG instance 1:0, not all";
  EXPECT_EQ(warnings(), "");
}

TEST_F(Cdi, PrefersTheUuidToTheNode) {
  file("etc/index.yaml", kByIndex);
  file("etc/uuid.json", kByUuid);
  EXPECT_EQ(name("GPU-a", 4), "nvidia.com/gpu=GPU-a");
}

TEST_F(Cdi, SaysWhereItLookedAndWhatToRun) {
  EXPECT_EQ(name("GPU-z", 9),
            std::format("no CDI device of kind nvidia.com/gpu is GPU-z ({0}/etc, {0}/run); run"
                        " `nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`",
                        root_));
  EXPECT_EQ(warnings(), "") << "a folder that is not there is no warning";
}

TEST_F(Cdi, IsNotFooledByAllOnAMachineWithOneGpu) {
  file("etc/nvidia.yaml", R"(
cdiVersion: "0.5.0"
kind: nvidia.com/gpu
devices:
- {name: all, containerEdits: {deviceNodes: [{path: /dev/nvidia0}]}}
- {name: MIG-x, containerEdits: {deviceNodes: [{path: /dev/nvidia0}]}}
)");
  EXPECT_TRUE(name("GPU-a", 0).starts_with("no CDI device"));
}

TEST_F(Cdi, ReadsOtherKindsAndOnlyMatchesItsOwn) {
  file("etc/other.yaml", "cdiVersion: 0.5.0\nkind: acme.com/gpu\ndevices: [{name: GPU-a}]\n");
  EXPECT_EQ(read().devices.size(), 1U);
  EXPECT_TRUE(name("GPU-a", 0).starts_with("no CDI device"));
}

TEST_F(Cdi, LetsTheLaterFolderWin) {
  file("etc/nvidia.json", kByUuid);
  file("run/nvidia.json", kByUuid);
  const auto specs = read();
  ASSERT_EQ(specs.devices.size(), 2U);
  EXPECT_EQ(specs.devices[0].file, root_ + "/run/nvidia.json");
  EXPECT_EQ(warnings(), "");
}

TEST_F(Cdi, CountsNeitherOfTwoInOneFolder) {
  file("etc/one.json", kByUuid);
  file("etc/two.yaml", "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices: [{name: GPU-a}]\n");
  EXPECT_TRUE(name("GPU-a", 0).starts_with("no CDI device"));
  EXPECT_EQ(name("GPU-b", 1), "nvidia.com/gpu=GPU-b");
  EXPECT_EQ(warnings(),
            "nvidia.com/gpu=GPU-a stands in /etc/one.json and in /etc/two.yaml: neither counts\n");
}

TEST_F(Cdi, WarnsOfWrongFilesAndReadsTheRest) {
  file("etc/a.yaml", "kind: nvidia.com/gpu\ndevices: []\n");
  file("etc/b.yaml", "cdiVersion: 0.5.0\nkind: gpu\ndevices: []\n");
  file("etc/c.yaml", "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices: 7\n");
  file("etc/d.yaml", "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices: [{name: 'a b'}]\n");
  file("etc/e.json", "{\"cdiVersion\": \n[");
  file("etc/f.yaml", "");
  file("etc/g.json", std::string(cdi_file_bytes_max + 1, ' '));
  file("etc/h.txt", "not a spec");
  file("etc/nvidia.json", kByUuid);
  std::filesystem::create_directories(root_ + "/etc/i.json");
  ASSERT_EQ(::mkfifo((root_ + "/etc/j.yaml").c_str(), 0666), 0);
  EXPECT_EQ(name("GPU-a", 0), "nvidia.com/gpu=GPU-a");
  const auto all = warnings();
  for (const auto* warning :
       {"/etc/a.yaml: no cdiVersion\n", "/etc/b.yaml: kind is not vendor/class\n",
        "/etc/c.yaml: no list of devices\n", "/etc/d.yaml: a device has no proper name\n",
        "/etc/e.json: line ", "/etc/f.yaml: not a map\n", "/etc/g.json: more than 4 MiB\n",
        "/etc/i.json: not a regular file\n", "/etc/j.yaml: not a regular file\n"}) {
    EXPECT_NE(all.find(warning), std::string::npos) << warning << "not in\n" << all;
  }
  EXPECT_EQ(std::ranges::count(all, '\n'), 9) << all;
}

TEST_F(Cdi, SurvivesDeepAndCircularAndDamagedFiles) {
  file("etc/deep.json", std::string(200'000, '['));
  file("etc/deeper.yaml", "a: " + std::string(200'000, '{'));
  file("etc/circle.yaml", "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices: &d\n- *d\n");
  file("etc/nested.yaml", [] {
    std::string text = "cdiVersion: 0.5.0\nkind: a.b/c\nx: &a0 [1]\n";
    for (int i = 1; i < 60; ++i) text += std::format("x{0}: &a{0} [*a{1}, *a{1}]\n", i, i - 1);
    return text + "devices: *a59\n";
  }());
  EXPECT_TRUE(read().devices.empty());
  std::mt19937 chance(20240608);
  for (int round = 0; round < 500; ++round) {
    std::string text = round % 2 == 0 ? kByIndex : kByUuid;
    for (unsigned hits = 1 + chance() % 4; hits > 0; --hits) {
      text[chance() % text.size()] = static_cast<char>(chance());
    }
    file("run/damaged.yaml", text);
    EXPECT_LE(read_cdi(std::span(folders_).subspan(1)).devices.size(), 8U);
  }
}

}  // namespace
}  // namespace gpuhub::inventory
