#include "inventory/nvml_inventory.hpp"

#include <algorithm>
#include <cstdint>
#include <format>
#include <set>
#include <utility>

#include "inventory/nvml_library.hpp"

namespace gpuhub::inventory {
namespace {

using model::GpuId;
using model::GpuInfo;
using model::GpuLoad;
using model::Mebibytes;

constexpr std::uint64_t kMib = 1024 * 1024;
constexpr std::uint64_t kMemoryMaxBytes = std::uint64_t{64} << 40U;  // no card has 64 TiB
constexpr unsigned kMinorMax = (1U << 20U) - 1;

#if defined(__aarch64__)
constexpr auto kContainerLibrary = "/usr/lib/aarch64-linux-gnu/libnvidia-ml.so.1";
#else
constexpr auto kContainerLibrary = "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1";
#endif

std::optional<int> percent(unsigned value) {
  if (value > 100) return std::nullopt;
  return static_cast<int>(value);
}

Mebibytes to_mebibytes(std::uint64_t bytes) { return {static_cast<std::int64_t>(bytes / kMib)}; }

void add_simulated(GpuInfo& gpu, const std::string& folder) {
  const auto node = std::format("/dev/nvidia{}", *gpu.minor);
  gpu.devices = {{.host_path = folder + node, .container_path = node}};
  gpu.mounts = {{.host_path = folder + "/lib/libnvidia-ml.so.1",
                 .container_path = kContainerLibrary,
                 .read_only = true},
                {.host_path = folder + "/state",
                 .container_path = "/run/nvml_sim",
                 .read_only = true}};
}

class NvmlInventory final : public Inventory {
 public:
  explicit NvmlInventory(NvmlOptions options) : options_(std::move(options)) {}

  std::expected<std::vector<GpuInfo>, Error> gpus() override {
    if (auto opened = open(); !opened) return std::unexpected(opened.error());
    auto gpus = list();
    if (!gpus) library_.reset();
    return gpus;
  }

  std::expected<GpuLoad, Error> load(const GpuId& gpu) override {
    if (auto opened = open(); !opened) return std::unexpected(opened.error());
    const auto device = library_->device(gpu.str());
    if (!device) return fail(gpu.str() + ": " + device.error().message);
    GpuLoad load;
    if (const auto rates = library_->utilization(*device)) {
      load.gpu_util_percent = percent(rates->gpu_percent);
      load.memory_util_percent = percent(rates->memory_percent);
    } else if (!rates.error().unsupported()) {
      return fail(gpu.str() + ": " + rates.error().message);
    }
    const auto memory = library_->memory(*device);
    if (memory && memory->used_bytes <= memory->total_bytes &&
        memory->total_bytes <= kMemoryMaxBytes) {
      load.memory_used = to_mebibytes(memory->used_bytes);
    }
    return load;
  }

 private:
  static std::unexpected<Error> fail(std::string message) {
    return std::unexpected(Error{.kind = ErrorKind::failed, .message = std::move(message)});
  }

  std::expected<void, Error> open() {
    if (library_ != nullptr) return {};
    auto opened = NvmlLibrary::open(options_.library);
    if (!opened) return std::unexpected(opened.error());
    library_ = *std::move(opened);
    return {};
  }

  std::expected<std::vector<GpuInfo>, Error> list() {
    const auto count = library_->count();
    if (!count) return fail(count.error().message);
    if (*count > nvml_gpus_max) {
      return fail(std::format("NVML speaks of {} GPUs; more than {} cannot be", *count,
                              nvml_gpus_max));
    }
    std::vector<GpuInfo> gpus;
    std::set<std::string> warnings;
    std::set<GpuId> seen;
    for (unsigned index = 0; index < *count; ++index) {
      auto gpu = read(index);
      if (!gpu) {
        warnings.insert(std::format("GPU {} is left out: {}", index, gpu.error()));
        continue;
      }
      if (!seen.insert(gpu->id).second) {
        return fail(std::format("NVML gives two GPUs the UUID {}", gpu->id.str()));
      }
      gpus.push_back(*std::move(gpu));
    }
    tell(std::move(warnings));
    return gpus;
  }

  std::expected<GpuInfo, std::string> read(unsigned index) const {
    const auto words = [](const NvmlError& error) { return error.message; };
    const auto device = library_->device(index);
    if (!device) return std::unexpected(device.error().message);
    const auto uuid = library_->uuid(*device).transform_error(words);
    if (!uuid) return std::unexpected(uuid.error());
    const auto id = GpuId::parse(*uuid);
    if (!id || !uuid->starts_with("GPU-")) {
      return std::unexpected(std::format("its UUID is \"{}\"", clean_text(*uuid, 96)));
    }
    const auto name = library_->name(*device).transform_error(words);
    if (!name) return std::unexpected(name.error());
    const auto memory = library_->memory(*device);
    if (!memory && !memory.error().unsupported()) return std::unexpected(words(memory.error()));
    const auto total = memory ? memory->total_bytes : 0;
    if (total > kMemoryMaxBytes) {
      return std::unexpected(std::format("{} bytes of memory cannot be", total));
    }
    GpuInfo gpu{.id = *id,
                .model = name->empty() ? "GPU without a name" : *name,
                .memory = to_mebibytes(total),
                .minor = {},
                .pci_bus = library_->pci_bus(*device).value_or(""),
                .devices = {},
                .mounts = {},
                .slots = {}};
    const auto minor = library_->minor(*device);
    if (minor && *minor <= kMinorMax) gpu.minor = static_cast<int>(*minor);
    if (!options_.sim_folder.empty()) {
      if (!gpu.minor) return std::unexpected("a simulated GPU without a minor number");
      add_simulated(gpu, options_.sim_folder);
    }
    return gpu;
  }

  void tell(std::set<std::string> warnings) {
    for (const auto& warning : warnings) {
      if (options_.warn && !told_.contains(warning)) options_.warn(warning);
    }
    told_ = std::move(warnings);
  }

  NvmlOptions options_;
  std::unique_ptr<NvmlLibrary> library_;
  std::set<std::string> told_;
};

}  // namespace

std::unique_ptr<Inventory> make_nvml_inventory(NvmlOptions options) {
  return std::make_unique<NvmlInventory>(std::move(options));
}

}  // namespace gpuhub::inventory
