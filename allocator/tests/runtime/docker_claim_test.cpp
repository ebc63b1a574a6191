// What a container takes of the GPUs, in the many ways of asking for them: as engine 26.1 was heard
// to keep them (data/26.1/claims.jsonl), and as nobody should.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "recorded.hpp"
#include "runtime/docker_json.hpp"

namespace gpuhub::runtime {
namespace {

using Table = std::map<std::string, std::string>;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

// "all watches", "first 2 names 0,1 nodes /dev/nvidia0", "-" for nothing.
std::string show(const Read<Container>& container) {
  if (!container) return container.error();
  const auto& claim = container->claim;
  if (!claim) return "-";
  std::string text;
  if (claim->all) text += " all";
  if (claim->first > 0) text += " first " + std::to_string(claim->first);
  if (!claim->names.empty()) text += " names " + joined(claim->names);
  if (!claim->nodes.empty()) text += " nodes " + joined(claim->nodes);
  if (claim->watches) text += " watches";
  return text.empty() ? "an empty claim" : text.substr(1);
}

std::string container(const std::string& host, const std::string& config,
                      const std::string& labels = "{}") {
  return R"({"Id":")" + std::string(64, 'a') + R"(","Name":"/n","State":{"Status":"running"},)" +
         R"("HostConfig":)" + host + R"(,"Config":{"Labels":)" + labels + R"(,"Env":)" + config +
         "}}";
}
// HostConfig, Env, labels
std::string claim(const std::string& host, const std::string& environment = "null",
                  const std::string& labels = "{}") {
  return show(read_container(container(host, environment, labels)));
}
std::string request(const std::string& fields) {
  return claim(R"({"DeviceRequests":[{)" + fields + "}]}");
}
std::string variables(const std::string& environment, const std::string& more_host = "") {
  return claim(R"({"Runtime":"nvidia")" + more_host + "}", "[" + environment + "]");
}
std::string node(const std::string& path) {
  return claim(R"({"Devices":[{"PathOnHost":")" + path + R"(","CgroupPermissions":"rwm"}]})");
}
std::string rule(const std::string& text) {
  return claim(R"({"DeviceCgroupRules":[")" + text + R"("]})");
}

TEST(DockerClaim, IsReadAsTheEngineKeepsIt) {
  Table seen;
  for (const auto& line : recorded_lines("26.1/claims.jsonl")) {
    const auto read = read_container(line);
    ASSERT_TRUE(read) << read.error() << line;
    EXPECT_EQ(read->image, "debian:trixie-slim");
    seen[read->name] = show(read);
  }
  const Table expected{
      {"nothing", "-"},
      {"cdi-one", "names nvidia.com/gpu=GPU-51d00000-0000-4000-8000-000100000000"},
      {"cdi-all", "all"},
      {"gpus-2", "first 2"},
      {"gpus-all", "all"},
      {"gpus-by-index", "names 0,2"},
      {"gpus-to-watch", "all watches"},
      {"gpus-to-compute", "first 1"},
      {"nodes", "nodes /dev/nvidia0,/dev/nvidia3,/dev/null"},
      {"folder", "all"},
      {"rule", "all"},
      {"privileged", "-"},
      {"annotation", "-"},  // only NVIDIA's runtime obeys it
      {"env-without-the-runtime", "-"},
      {"runtime-nothing", "-"},
      {"env-all", "all"},
      {"env-to-watch", "all watches"},
      {"env-by-index", "names 0,1"},
      {"env-void", "-"},
      {"env-under-runc", "-"},
      {"env-and-gpus", "names 1"},
      {"runtime-annotation", "names nvidia.com/gpu=1,nvidia.com/gpu=2"},
  };
  EXPECT_EQ(seen, expected);
}

TEST(DockerClaim, ReadsDeviceRequests) {
  const std::string gpu = R"(,"Capabilities":[["gpu"]])";
  EXPECT_EQ(request(R"("Driver":"","Count":-1)" + gpu), "all");
  EXPECT_EQ(request(R"("Driver":"nvidia","Count":3)"), "first 3");
  EXPECT_EQ(request(R"("Driver":"nvidia.cdi","DeviceIDs":["1"])"), "names 1");
  EXPECT_EQ(request(R"("Driver":"nvidia","DeviceIDs":["GPU-a","0:1","GPU-a, 2"])"),
            "names GPU-a,0:1,2");
  EXPECT_EQ(request(R"("Driver":"nvidia","DeviceIDs":["all"])"), "all");
  EXPECT_EQ(request(R"("Driver":"nvidia","DeviceIDs":["void"])"), "-");
  EXPECT_EQ(request(R"("Driver":"nvidia","DeviceIDs":[],"Count":0)"), "-");
  EXPECT_EQ(request(R"("Driver":"cdi","DeviceIDs":["amd.com/gpu=1"])"), "names amd.com/gpu=1");
  EXPECT_EQ(request(R"("Driver":"cdi","DeviceIDs":["management.nvidia.com/gpu=all"])"), "all");
  EXPECT_EQ(request(R"("Driver":"cdi","DeviceIDs":null)"), "-");
  // The engine gives these to another driver, or to none.
  EXPECT_EQ(request(R"("Driver":"amd","Count":-1)" + gpu), "-");
  EXPECT_EQ(request(R"("Driver":"","Count":-1,"Capabilities":[["gpu","amd"]])"), "-");
  EXPECT_EQ(request(R"("Driver":"","Count":-1,"Capabilities":[])"), "-");
  EXPECT_EQ(request(R"("Driver":"","Count":-1,"Capabilities":[["tpu"],["gpu"]])"), "all");
  EXPECT_EQ(claim(R"({"DeviceRequests":[{"Driver":"nvidia","Count":2},)"
                  R"({"Driver":"cdi","DeviceIDs":["nvidia.com/gpu=3"]}]})"),
            "first 2 names nvidia.com/gpu=3");
}

TEST(DockerClaim, WatchesWhoAsksForUtilityOnly) {
  const auto with = [](const std::string& capabilities, const std::string& environment = "null") {
    return claim(R"({"DeviceRequests":[{"Driver":"nvidia","Count":-1,"Capabilities":)" +
                     capabilities + "}]}",
                 environment);
  };
  const std::string utility = R"(["NVIDIA_DRIVER_CAPABILITIES=utility"])";
  EXPECT_EQ(with(R"([["gpu","utility"]])"), "all watches");
  EXPECT_EQ(with(R"([["gpu","nvidia","utility"],["utility"]])"), "all watches");
  EXPECT_EQ(with(R"([["gpu","utility"],["gpu","compute"]])"), "all");
  EXPECT_EQ(with(R"([["gpu","utility","video"]])"), "all");
  EXPECT_EQ(with(R"([["gpu","utility","odd"]])"), "all");
  EXPECT_EQ(with(R"([["gpu"]])"), "all") << "the toolkit's default is utility,compute";
  EXPECT_EQ(with(R"([["gpu"]])", utility), "all watches") << "nothing named: the variable counts";
  EXPECT_EQ(with("null", utility), "all watches");
  EXPECT_EQ(with(R"([["compute"]])", utility), "all") << "what is named wins over the variable";

  const std::string all = R"("NVIDIA_VISIBLE_DEVICES=all","NVIDIA_DRIVER_CAPABILITIES=)";
  EXPECT_EQ(variables(all + R"(utility")"), "all watches");
  EXPECT_EQ(variables(all + R"( utility , ")"), "all watches");
  EXPECT_EQ(variables(all + R"(compute,utility")"), "all");
  EXPECT_EQ(variables(all + R"(all")"), "all");
  EXPECT_EQ(variables(all + R"(")"), "all");
  EXPECT_EQ(variables(all + R"(utility","NVIDIA_DRIVER_CAPABILITIES=video")"), "all");

  const std::string node = R"(,"Devices":[{"PathOnHost":"/dev/nvidia0"}])";
  EXPECT_EQ(variables(all + R"(utility")", node), "all") << "a node computes";
  EXPECT_EQ(variables(all + R"(utility")", R"(,"Devices":[{"PathOnHost":"/dev/nvidiactl"}])"),
            "all watches");
  EXPECT_EQ(variables(all + R"(utility")", R"(,"DeviceRequests":[{"Driver":"nvidia","Count":1}])"),
            "first 1 watches");
}

TEST(DockerClaim, ReadsTheVariableAsNvidiasToolkit) {
  const auto with = [](const std::string& list) {
    return variables("\"NVIDIA_VISIBLE_DEVICES=" + list + "\"");
  };
  EXPECT_EQ(with("all"), "all");
  EXPECT_EQ(with("1,all"), "all");
  EXPECT_EQ(with("none"), "-");
  EXPECT_EQ(with("1,void"), "-");
  EXPECT_EQ(with(""), "-");
  EXPECT_EQ(with(" , "), "-");
  EXPECT_EQ(with("0, GPU-a ,,0"), "names 0,GPU-a");
  EXPECT_EQ(with("nvidia.com/gpu=0,runtime.nvidia.com/gpu=1"),
            "names nvidia.com/gpu=0,runtime.nvidia.com/gpu=1");
  EXPECT_EQ(with("nvidia.com/gpu=all"), "all");
  EXPECT_EQ(variables(R"("NVIDIA_VISIBLE_DEVICES=all","NVIDIA_VISIBLE_DEVICES=1")"), "names 1");
  EXPECT_EQ(variables(R"("NVIDIA_VISIBLE_DEVICES","X=NVIDIA_VISIBLE_DEVICES=all")"), "-");
  // Old images, which get all unasked.
  EXPECT_EQ(variables(R"("CUDA_VERSION=8.0")"), "all");
  EXPECT_EQ(variables(R"("CUDA_VERSION=12","NVIDIA_REQUIRE_CUDA=cuda>=12")"), "-");
  EXPECT_EQ(variables(R"("CUDA_VERSION=8.0","NVIDIA_VISIBLE_DEVICES=")"), "-");

  const std::string all = R"("NVIDIA_VISIBLE_DEVICES=all")";
  EXPECT_EQ(claim(R"({"Runtime":"nvidia-cdi"})", "[" + all + "]"), "all");
  EXPECT_EQ(claim(R"({"Runtime":"runc"})", "[" + all + "]"), "-");
  EXPECT_EQ(claim(R"({"Runtime":null})", "[" + all + "]"), "-");
  // A device request puts its own answer into the variable; NVIDIA's CDI specs `void`.
  const auto and_request = [&](const std::string& fields) {
    return variables(all, R"(,"DeviceRequests":[{)" + fields + "}]");
  };
  EXPECT_EQ(and_request(R"("Driver":"nvidia","Count":1)"), "first 1");
  EXPECT_EQ(and_request(R"("Driver":"cdi","DeviceIDs":["nvidia.com/gpu=2"])"),
            "names nvidia.com/gpu=2");
  EXPECT_EQ(and_request(R"("Driver":"cdi","DeviceIDs":["a.com/nic=2"])"), "all");
  const std::string annotations = R"(,"Annotations":{"cdi.k8s.io/x":"nvidia.com/gpu=1","y":7})";
  EXPECT_EQ(variables("", annotations), "names nvidia.com/gpu=1");
  EXPECT_EQ(variables(all, annotations), "all");
}

TEST(DockerClaim, ReadsNodesAndRules) {
  EXPECT_EQ(node("/dev/nvidia0"), "nodes /dev/nvidia0");
  EXPECT_EQ(node("/dev/../dev//nvidia12/"), "nodes /dev/nvidia12");
  EXPECT_EQ(node("dev/nvidia1"), "nodes /dev/nvidia1");
  EXPECT_EQ(node("/dev"), "all");
  EXPECT_EQ(node("/dev/."), "all");
  EXPECT_EQ(node("/dev/dri"), "nodes /dev/dri");
  EXPECT_EQ(node("/srv/sim/dev/nvidia0"), "nodes /srv/sim/dev/nvidia0");
  for (const char* control : {"/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-caps/nvidia-cap1",
                              "/dev/nvidia", "/dev/nvidia-modeset"}) {
    EXPECT_EQ(node(control), "-") << control;
  }
  EXPECT_EQ(rule("c 195:* rwm"), "all");
  EXPECT_EQ(rule("a 195:1 r"), "nodes /dev/nvidia1");
  for (const char* other : {"c 195:255 rwm", "c 195:1 m", "c 240:1 rwm", "b 195:1 rwm", "c *:* rwm",
                            "a", "", "c 195 rwm", "c 195:x rwm", "c 195:-1 rwm",
                            "c 195:99999999999 rwm"}) {
    EXPECT_EQ(rule(other), "-") << other;
  }
  const std::string rules = R"(,"DeviceCgroupRules":["c 195:* rwm"])";
  const auto both = [&](const std::string& path) {
    return claim(R"({"Devices":[{"PathOnHost":")" + path + "\"}]" + rules + "}");
  };
  EXPECT_EQ(both("/dev/nvidia2"), "nodes /dev/nvidia2") << "the rule is for that one";
  EXPECT_EQ(both("/dev/fuse"), "all");
}

TEST(DockerClaim, OursAreNotAsked) {
  const std::string all = R"({"DeviceRequests":[{"Driver":"nvidia","Count":-1}]})";
  EXPECT_EQ(claim(all, "null", R"({"gpuhub.lease":"L-1"})"), "-");
  EXPECT_EQ(claim("7", "7", R"({"gpuhub.lease":"L-1"})"), "-") << "nor read";
  EXPECT_EQ(claim(all, "null", R"({"gpuhub.lease":""})"), "all") << "that is no lease";
  EXPECT_EQ(claim(all, "null", R"({"gpuhub.owner":"hub/ana/"})"), "all");
  EXPECT_EQ(claim(all, "null", R"({"gpuhub.other":")" + std::string(label_value_max + 1, 'x') +
                                   "\"}"),
            "all") << "an image may carry what it likes";
}

TEST(DockerClaim, WrongTypesAreErrors) {
  const auto lacks = [](const std::string& key) {
    return "the engine's container has no usable " + key;
  };
  EXPECT_EQ(claim("null"), lacks("HostConfig"));
  EXPECT_EQ(claim("[]"), lacks("HostConfig"));
  for (const char* wrong : {"7", "\"x\"", "{}", "[7]", "[[]]"}) {
    const auto with = [&](const std::string& key) {
      return claim("{\"" + key + "\":" + wrong + "}");
    };
    EXPECT_EQ(with("DeviceRequests"), lacks("DeviceRequests")) << wrong;
    EXPECT_EQ(with("Devices"), lacks("Devices")) << wrong;
    EXPECT_EQ(with("DeviceCgroupRules"), lacks("DeviceCgroupRules")) << wrong;
    EXPECT_EQ(claim("{}", wrong), lacks("Env")) << wrong;
    EXPECT_EQ(request(std::string{R"("Driver":"cdi","DeviceIDs":)"} + wrong), lacks("DeviceIDs"));
  }
  EXPECT_EQ(claim(R"({"Runtime":7})"), lacks("Runtime"));
  EXPECT_EQ(claim(R"({"Annotations":7})"), lacks("Annotations"));
  EXPECT_EQ(claim(R"({"Annotations":{"cdi.k8s.io/x":7}})"), lacks("Annotations"));
  EXPECT_EQ(claim(R"({"Devices":[{"PathOnHost":7}]})"), lacks("PathOnHost"));
  EXPECT_EQ(request(R"("Driver":7)"), lacks("Driver"));
  EXPECT_EQ(request(R"("Driver":"nvidia","Count":"all")"), lacks("Count"));
  EXPECT_EQ(request(R"("Driver":"nvidia","Count":1.5)"), lacks("Count"));
  EXPECT_EQ(request(R"("Driver":"nvidia","Count":99999999999999999999)"), lacks("Count"));
  for (const char* wrong : {"7", "[7]", "[[7]]", "{}"}) {
    EXPECT_EQ(request(std::string{R"("Capabilities":)"} + wrong), lacks("Capabilities")) << wrong;
  }
  EXPECT_EQ(claim(R"({"DeviceRequests":null,"Devices":null,"DeviceCgroupRules":null,)"
                  R"("Annotations":null,"Runtime":null})"),
            "-");
}

// Nothing that an engine answers costs more than it is worth.
TEST(DockerClaim, FloodsAreAll) {
  const auto ids = [](std::size_t count, bool same, const std::string& before, char between) {
    std::string list;
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) list += between;
      list += before + "GPU-" + std::to_string(same ? 0 : i) + before;
    }
    return list;
  };
  constexpr auto most = model::claim_words_max;
  const auto requested = [&](std::size_t count, bool same) {
    return request(R"("Driver":"cdi","DeviceIDs":[)" + ids(count, same, "\"", ',') + "]");
  };
  EXPECT_EQ(requested(most, true), "names GPU-0");
  EXPECT_TRUE(requested(most, false).starts_with("names GPU-0,GPU-1,"));
  EXPECT_EQ(requested(most + 1, false), "all");
  EXPECT_EQ(requested(100'000, true), "all");
  const auto listed = [&](std::size_t count) {
    return variables("\"NVIDIA_VISIBLE_DEVICES=" + ids(count, false, "", ',') + "\"");
  };
  EXPECT_TRUE(listed(most).starts_with("names GPU-0,GPU-1,"));
  EXPECT_EQ(listed(most + 1), "all");
  EXPECT_EQ(listed(100'000), "all");
  EXPECT_EQ(request(R"("Driver":"nvidia","Count":1024)"), "first 1024");
  EXPECT_EQ(request(R"("Driver":"nvidia","Count":1025)"), "all");
  EXPECT_EQ(request(R"("Driver":"nvidia","Count":-9223372036854775808)"), "all");
}

// Whatever comes, it is an answer or an error in words.
TEST(DockerClaim, BrokenAnswersAreRead) {
  std::minstd_rand chance{1};  // the same every time
  std::size_t read = 0, refused = 0;
  for (const auto& line : recorded_lines("26.1/claims.jsonl")) {
    for (int i = 0; i < 300; ++i) {
      std::string broken = line;
      constexpr std::string_view likely = "0129-,:{}[]\"\\ntx\x80";
      for (auto changes = chance() % 3 + 1; changes > 0; --changes) {
        broken[chance() % broken.size()] = likely[chance() % likely.size()];
      }
      const auto container = read_container(broken);
      ++(container ? read : refused);
      if (!container) {
        EXPECT_FALSE(container.error().empty());
      } else {
        EXPECT_FALSE(container->image.contains('\n'));
      }
    }
  }
  EXPECT_GT(read, 100U);
  EXPECT_GT(refused, 100U);
}

TEST(DockerClaim, WordsWithoutSenseNameNoGpu) {
  const auto id = [](const std::string& text) {
    return request(R"("Driver":"cdi","DeviceIDs":[")" + text + "\",\"x.com/gpu=1\"]");
  };
  for (const char* bad : {"", "a b", R"(\u001b[2J)", R"(a\nb)", R"(\u0000)", "gr\xc3\xbc"}) {
    EXPECT_EQ(id(bad), "names x.com/gpu=1") << bad;
  }
  EXPECT_EQ(id(std::string(model::claim_word_bytes_max + 1, 'x')), "names x.com/gpu=1");
  EXPECT_EQ(node("/dev/" + std::string(500, 'x')), "-");
  std::string deep = "/dev";
  while (deep.size() < 100'000) deep += "/a/..";
  EXPECT_EQ(node(deep), "-");
  EXPECT_EQ(node(R"(/dev/dri/\u001b[2J)"), "-");
}

}  // namespace
}  // namespace gpuhub::runtime
