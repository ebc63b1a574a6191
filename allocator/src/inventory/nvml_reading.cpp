#include "inventory/nvml_reading.hpp"

#include <cstdint>
#include <format>
#include <utility>

namespace gpuhub::inventory {
namespace {

using model::GpuId;
using model::GpuInfo;
using model::Mebibytes;

constexpr std::uint64_t kMib = 1024 * 1024;
constexpr std::uint64_t kMemoryMaxBytes = std::uint64_t{64} << 40U;  // no card has 64 TiB
constexpr unsigned kMinorMax = (1U << 20U) - 1;

#if defined(__aarch64__)
constexpr auto kContainerLibrary = "/usr/lib/aarch64-linux-gnu/libnvidia-ml.so.1";
#else
constexpr auto kContainerLibrary = "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1";
#endif

Mebibytes to_mebibytes(std::uint64_t bytes) { return {static_cast<std::int64_t>(bytes / kMib)}; }

void add_simulated(GpuInfo& gpu, const std::string& folder) {
  const auto node = std::format("/dev/nvidia{}", *gpu.minor);
  gpu.devices = {model::DeviceNode{.host_path = folder + node, .container_path = node}};
  gpu.mounts = {model::BindMount{.host_path = folder + "/lib/libnvidia-ml.so.1",
                                 .container_path = kContainerLibrary,
                                 .read_only = true},
                model::BindMount{.host_path = folder + "/state",
                                 .container_path = "/run/nvml_sim",
                                 .read_only = true}};
}

}  // namespace

Unread unread(const NvmlError& error, std::optional<GpuId> id) {
  return {.message = error.message, .unreachable = error.unreachable(), .id = std::move(id)};
}

std::expected<GpuInfo, Unread> read_gpu(const NvmlLibrary& library,
                                         NvmlLibrary::Device device,
                                         const std::string& sim_folder) {
  const auto uuid = library.uuid(device);
  if (!uuid) return std::unexpected(unread(uuid.error()));
  const auto id = GpuId::parse(*uuid);
  if (!id || !uuid->starts_with("GPU-")) {
    return std::unexpected(Unread{std::format("its UUID is \"{}\"", clean_text(*uuid, 96))});
  }
  const auto name = library.name(device);
  if (!name) return std::unexpected(unread(name.error(), id));
  const auto memory = library.memory(device);
  if (!memory && !memory.error().unsupported()) {
    return std::unexpected(unread(memory.error(), id));
  }
  const auto total = memory ? memory->total_bytes : 0;
  if (total > kMemoryMaxBytes) {
    return std::unexpected(Unread{std::format("{} bytes of memory cannot be", total)});
  }
  const auto pci_bus = library.pci_bus(device);
  if (!pci_bus && pci_bus.error().lost()) return std::unexpected(unread(pci_bus.error(), id));
  const auto minor = library.minor(device);
  if (!minor && minor.error().lost()) return std::unexpected(unread(minor.error(), id));
  GpuInfo gpu{.id = *id,
              .model = name->empty() ? "GPU without a name" : *name,
              .memory = to_mebibytes(total),
              .minor = {},
              .pci_bus = pci_bus.value_or(""),
              .devices = {},
              .mounts = {},
              .slots = {}};
  if (minor && *minor <= kMinorMax) gpu.minor = static_cast<int>(*minor);
  if (!sim_folder.empty()) {
    if (!gpu.minor) return std::unexpected(Unread{"a simulated GPU without a minor number"});
    add_simulated(gpu, sim_folder);
  }
  return gpu;
}

std::optional<Mebibytes> used_memory(const NvmlMemory& memory) {
  if (memory.used_bytes > memory.total_bytes || memory.total_bytes > kMemoryMaxBytes) {
    return std::nullopt;
  }
  return to_mebibytes(memory.used_bytes);
}

}  // namespace gpuhub::inventory
