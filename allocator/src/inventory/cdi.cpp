#include "inventory/cdi.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <format>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace gpuhub::inventory {
namespace {

namespace fs = std::filesystem;
using std::string_view;

constexpr std::size_t kNodesMax = 256;  // per device

bool is_plain(string_view text, string_view also) {
  const auto letter_or_digit = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && text.size() <= 128 && letter_or_digit(text.front()) &&
         letter_or_digit(text.back()) && std::ranges::all_of(text, [&](char c) {
           return letter_or_digit(c) || also.find(c) != string_view::npos;
         });
}

// "vendor/class".
bool is_kind(string_view text) {
  const auto slash = text.find('/');
  return slash != string_view::npos && is_plain(text.substr(0, slash), "_.-") &&
         is_plain(text.substr(slash + 1), "_.-");
}

// The text of a scalar; empty if it is missing or something else.
std::string scalar(const YAML::Node& parent, const char* key) {
  const auto node = parent[key];
  return node.IsDefined() && node.IsScalar() ? node.Scalar() : std::string();
}

std::vector<std::string> read_nodes(const YAML::Node& device) {
  std::vector<std::string> nodes;
  const auto edits = device["containerEdits"];
  if (!edits.IsDefined() || !edits.IsMap()) return nodes;
  const auto list = edits["deviceNodes"];
  if (!list.IsDefined() || !list.IsSequence()) return nodes;
  for (const auto& node : list) {
    if (!node.IsMap() || nodes.size() >= kNodesMax) continue;
    auto path = scalar(node, "hostPath");
    if (path.empty()) path = scalar(node, "path");
    if (!path.empty()) nodes.push_back(std::move(path));
  }
  return nodes;
}

std::expected<std::string, std::string> read_text(const fs::path& path) {
  std::error_code wrong;
  if (!fs::is_regular_file(path, wrong)) return std::unexpected("not a regular file");
  const auto size = fs::file_size(path, wrong);
  if (wrong) return std::unexpected(wrong.message());
  if (size > cdi_file_bytes_max) return std::unexpected("more than 4 MiB");
  std::ifstream file(path, std::ios::binary);
  std::string text(cdi_file_bytes_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.eof()) return std::unexpected(file ? "more than 4 MiB" : "cannot be read");
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

// The devices of one spec. May throw YAML::Exception.
std::expected<std::vector<CdiDevice>, std::string> parse_spec(const std::string& text,
                                                              const std::string& file) {
  const auto spec = YAML::Load(text);
  if (!spec.IsMap()) return std::unexpected("not a map");
  if (scalar(spec, "cdiVersion").empty()) return std::unexpected("no cdiVersion");
  const auto kind = scalar(spec, "kind");
  if (!is_kind(kind)) return std::unexpected("kind is not vendor/class");
  const auto list = spec["devices"];
  if (!list.IsDefined() || !list.IsSequence()) return std::unexpected("no list of devices");
  if (list.size() > cdi_devices_max) return std::unexpected("too many devices");
  std::vector<CdiDevice> devices;
  for (const auto& entry : list) {
    if (!entry.IsMap()) return std::unexpected("a device is not a map");
    auto name = scalar(entry, "name");
    if (!is_plain(name, "_.:-")) return std::unexpected("a device has no proper name");
    devices.push_back(
        {.kind = kind, .name = std::move(name), .nodes = read_nodes(entry), .file = file});
  }
  return devices;
}

std::expected<std::vector<CdiDevice>, std::string> read_spec(const fs::path& path) {
  const auto text = read_text(path);
  if (!text) return std::unexpected(text.error());
  try {
    return parse_spec(*text, path.string());
  } catch (const YAML::Exception& wrong) {
    return std::unexpected(std::format("line {}: {}", wrong.mark.line + 1, wrong.msg));
  }
}

std::vector<fs::path> spec_files(const std::string& folder, CdiSpecs& specs) {
  std::vector<fs::path> files;
  std::error_code wrong;
  fs::directory_iterator entry(folder, wrong);
  if (wrong) {
    if (wrong != std::errc::no_such_file_or_directory) {
      specs.warnings.push_back(std::format("{}: {}", folder, wrong.message()));
    }
    return files;
  }
  for (; entry != fs::directory_iterator(); entry.increment(wrong)) {
    const auto suffix = entry->path().extension();
    if (suffix == ".json" || suffix == ".yaml" || suffix == ".yml") files.push_back(entry->path());
    if (files.size() > cdi_files_max) {
      specs.warnings.push_back(std::format("{}: more than {} specs; the rest is not read", folder,
                                           cdi_files_max));
      files.pop_back();
      break;
    }
  }
  if (wrong) specs.warnings.push_back(std::format("{}: {}", folder, wrong.message()));
  std::ranges::sort(files);
  return files;
}

using ByName = std::map<std::string, CdiDevice>;

ByName read_folder(const std::string& folder, CdiSpecs& specs) {
  ByName devices;
  std::set<std::string> conflicts;
  for (const auto& path : spec_files(folder, specs)) {
    auto spec = read_spec(path);
    if (!spec) {
      specs.warnings.push_back(std::format("{}: {}", path.string(), spec.error()));
      continue;
    }
    for (auto& device : *spec) {
      const auto name = device.qualified();
      const auto [other, fresh] = devices.try_emplace(name, device);
      if (fresh) continue;
      specs.warnings.push_back(std::format("{} stands in {} and in {}: neither counts", name,
                                           other->second.file, device.file));
      conflicts.insert(name);
    }
  }
  for (const auto& name : conflicts) devices.erase(name);
  return devices;
}

// N of ".../nvidiaN"; nullopt for other nodes (nvidiactl, nvidia-uvm, dri/card0).
std::optional<int> gpu_minor(string_view path) {
  const auto name = path.substr(path.rfind('/') + 1);
  if (!name.starts_with("nvidia") || name.size() == 6) return std::nullopt;
  int minor = 0;
  const auto* end = name.data() + name.size();
  const auto number = std::from_chars(name.data() + 6, end, minor);
  if (number.ec != std::errc{} || number.ptr != end || minor < 0) return std::nullopt;
  return minor;
}

bool is_mig(const CdiDevice& device) {
  return device.name.starts_with("MIG-") || device.name.contains(':') ||
         std::ranges::any_of(device.nodes, [](const std::string& node) {
           return node.contains("/nvidia-caps/");
         });
}

bool is_this_gpu_alone(const CdiDevice& device, int minor) {
  if (device.name == "all" || is_mig(device)) return false;
  std::set<int> minors;
  for (const auto& node : device.nodes) {
    if (const auto number = gpu_minor(node)) minors.insert(*number);
  }
  return minors == std::set<int>{minor};
}

}  // namespace

CdiSpecs read_cdi(std::span<const std::string> folders) {
  CdiSpecs specs;
  specs.folders.assign(folders.begin(), folders.end());
  ByName devices;
  for (const auto& folder : folders) {
    auto later = read_folder(folder, specs);
    later.merge(devices);
    devices = std::move(later);
  }
  for (auto& [name, device] : devices) specs.devices.push_back(std::move(device));
  return specs;
}

std::expected<std::string, std::string> cdi_name(const CdiSpecs& specs, const model::GpuInfo& gpu,
                                                 string_view kind) {
  const CdiDevice* by_node = nullptr;
  for (const auto& device : specs.devices) {
    if (device.kind != kind) continue;
    if (device.name == gpu.id.str()) return device.qualified();
    if (by_node == nullptr && gpu.minor && is_this_gpu_alone(device, *gpu.minor)) {
      by_node = &device;
    }
  }
  if (by_node != nullptr) return by_node->qualified();
  std::string folders;
  for (const auto& folder : specs.folders) folders += (folders.empty() ? "" : ", ") + folder;
  return std::unexpected(std::format(
      "no CDI device of kind {} is {} ({}); run `nvidia-ctk cdi generate"
      " --output=/etc/cdi/nvidia.yaml`",
      kind, gpu.id.str(), folders));
}

}  // namespace gpuhub::inventory
