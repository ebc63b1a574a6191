// CDI specs, read to learn what the engine calls each GPU: names in them are by UUID or by index,
// as the admin generated them. Never writes. The files are not trusted: what is wrong in one is a
// warning that names it, and the others still count. Reads the disk at each call; any thread.
#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/gpu.hpp"

namespace gpuhub::inventory {

inline constexpr std::size_t cdi_file_bytes_max = 4U << 20U;
inline constexpr std::size_t cdi_files_max = 256;      // per folder
inline constexpr std::size_t cdi_devices_max = 4096;   // per file

struct CdiDevice {
  std::string kind;                // "nvidia.com/gpu"
  std::string name;                // "0", "GPU-…", "all"
  std::vector<std::string> nodes;  // device nodes on the host that come with it
  std::string file;                // where it stands
  [[nodiscard]] std::string qualified() const { return kind + "=" + name; }
};

struct CdiSpecs {
  std::vector<CdiDevice> devices;     // by qualified name, each once
  std::vector<std::string> warnings;  // for the admin, each with the file's path
  std::vector<std::string> folders;   // that were looked at
};

// Reads *.json, *.yaml and *.yml of the folders, as the engine does: a device in a later folder
// wins over the same one in an earlier folder; the same device twice in one folder is a conflict,
// and neither counts. A folder that is not there is no warning.
[[nodiscard]] CdiSpecs read_cdi(std::span<const std::string> folders);

// The qualified name by which the engine knows this GPU alone: the device named by its UUID, else
// the one whose only GPU node is /dev/nvidia<minor>. Never "all", never a MIG instance.
// The error says where was looked and what to run.
[[nodiscard]] std::expected<std::string, std::string> cdi_name(
    const CdiSpecs& specs, const model::GpuInfo& gpu, std::string_view kind = "nvidia.com/gpu");

}  // namespace gpuhub::inventory
