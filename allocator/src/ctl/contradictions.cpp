#include "ctl/contradictions.hpp"

#include <filesystem>
#include <format>

namespace gpuhub::ctl {
namespace {

// "/dev/nvidia0:/dev/x:rw", "/dev", or a name of CDI: "nvidia.com/gpu=all".
bool is_gpu_device(std::string_view value) {
  if (!value.starts_with('/')) return value.starts_with("nvidia.com/");
  const std::string host{value.substr(0, value.find(':'))};
  const std::string path = std::filesystem::path{host}.lexically_normal();
  return path.starts_with("/dev/nvidia") || path == "/dev" || path == "/dev/";
}

// "c 195:* rwm": NVIDIA's number, or any. The rest are other devices.
bool opens_gpus(std::string_view rule) {
  if (rule.starts_with('a')) return true;
  if (!rule.starts_with("c ")) return false;
  const std::string_view numbers = rule.substr(2);
  return numbers.starts_with("195:") || numbers.starts_with("*:");
}

std::string_view key_of(std::string_view assignment) {
  return assignment.substr(0, assignment.find('='));
}

}  // namespace

std::optional<std::string> contradiction(std::string_view name, std::string_view value) {
  if (name == "gpus") {
    return "without it: how many, or which, is said to gpuctl: gpuctl run --gpus 2 -- docker run …";
  }
  if (name == "privileged" && value == "true") {
    return "without it: a privileged container sees all GPUs; --cap-add gives single powers";
  }
  if (name == "runtime" && value.contains("nvidia")) {
    return "without it: the lease says what the container gets, and how";
  }
  if (name == "device" && is_gpu_device(value)) {
    return "without it: gpuctl run --gpus UUID,… asks for named GPUs";
  }
  if (name == "device-cgroup-rule" && opens_gpus(value)) {
    return "a rule for the one kind of device that is meant";
  }
  if (name == "env" && key_of(value) == "NVIDIA_VISIBLE_DEVICES") {
    return "without it; CUDA_VISIBLE_DEVICES may choose among the GPUs of the lease";
  }
  if (name == "label" && key_of(value).starts_with("gpuhub.")) {
    return "another name: labels that begin with gpuhub. belong to the allocator";
  }
  return std::nullopt;
}

}  // namespace gpuhub::ctl
