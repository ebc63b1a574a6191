// NVML's calls about the library, the system and finding GPUs.
#include <array>
#include <format>
#include <fstream>
#include <string>

#include "nvml_sim/exports.hpp"

using namespace gpuhub::nvml_sim;

namespace {

constexpr std::array<const char*, 31> kMessages{
    "Success", "Uninitialized", "Invalid Argument", "Not Supported", "Insufficient Permissions",
    "Already Initialized", "Not Found", "Insufficient Size", "Insufficient External Power",
    "Driver Not Loaded", "Timeout", "Interrupt Request Issue", "NVML Shared Library Not Found",
    "Function Not Found", "Corrupted infoROM", "GPU is lost", "GPU requires reset",
    "The operating system has blocked the request", "RM has detected an NVML/RM version mismatch",
    "In use by another client", "Insufficient Memory", "No data",
    "The requested vgpu operation is not available because ECC is enabled",
    "Insufficient Resources", "Frequency Not Supported", "Argument Version Mismatch", "Deprecated",
    "Not Ready", "GPU Not Found", "Invalid State", "Reset Type Not Supported"};

nvmlReturn_t give_handle(nvmlDevice_t found, nvmlReturn_t otherwise, nvmlDevice_t* out) {
  if (!engine().initialised()) return kUninitialized;
  if (out == nullptr) return kInvalidArgument;
  if (found == nullptr) return otherwise;
  const auto view = engine().view(found);
  if (!view) return view.error();
  *out = found;
  return kSuccess;
}

nvmlReturn_t give_count(unsigned* out) {
  if (!engine().initialised()) return kUninitialized;
  if (out == nullptr) return kInvalidArgument;
  *out = engine().count();
  return kSuccess;
}

nvmlReturn_t give_cuda(int* out) {
  if (out == nullptr) return kInvalidArgument;
  const auto version = engine().cuda_version();
  if (!version) return kUninitialized;
  *out = *version;
  return kSuccess;
}

}  // namespace

NVML_EXPORT nvmlInitWithFlags(unsigned flags) noexcept {
  constexpr unsigned kNoGpusAndNoAttach = 3;
  if ((flags & ~kNoGpusAndNoAttach) != 0) return kInvalidArgument;
  return engine().init(places_from_environment());
}
NVML_EXPORT nvmlInit() noexcept { return engine().init(places_from_environment()); }
NVML_EXPORT nvmlInit_v2() noexcept { return engine().init(places_from_environment()); }
NVML_EXPORT nvmlShutdown() noexcept { return engine().shutdown(); }

extern "C" __attribute__((visibility("default"))) const char* nvmlErrorString(
    nvmlReturn_t result) noexcept {
  if (result == kUnknown) return "Unknown Error";
  if (result < 0 || static_cast<std::size_t>(result) >= kMessages.size()) return "Unknown code";
  return kMessages[static_cast<std::size_t>(result)];
}

NVML_EXPORT nvmlSystemGetDriverVersion(char* version, unsigned length) noexcept {
  const auto text = engine().driver_version();
  return text ? give_text(*text, version, length) : kUninitialized;
}

// The library's own version is the CUDA version before the driver's, as in the real one.
NVML_EXPORT nvmlSystemGetNVMLVersion(char* version, unsigned length) noexcept {
  const auto driver = engine().driver_version();
  const auto cuda = engine().cuda_version();
  if (!driver || !cuda) return kUninitialized;
  return give_text(std::format("{}.{}", *cuda / 1000, *driver), version, length);
}

NVML_EXPORT nvmlSystemGetCudaDriverVersion(int* version) noexcept { return give_cuda(version); }
NVML_EXPORT nvmlSystemGetCudaDriverVersion_v2(int* version) noexcept { return give_cuda(version); }

NVML_EXPORT nvmlSystemGetProcessName(unsigned pid, char* name, unsigned length) noexcept {
  if (!engine().initialised()) return kUninitialized;
  if (name == nullptr || length == 0) return kInvalidArgument;
  std::ifstream file(std::format("/proc/{}/cmdline", pid));
  std::string command;
  if (!std::getline(file, command, '\0') || command.empty()) return kNotFound;
  return give_text(std::string_view(command).substr(0, length - 1), name, length);
}

NVML_EXPORT nvmlSystemGetHicVersion(unsigned* count, void* /*entries*/) noexcept {
  if (!engine().initialised()) return kUninitialized;
  if (count == nullptr) return kInvalidArgument;
  *count = 0;
  return kSuccess;
}

NVML_EXPORT nvmlUnitGetCount(unsigned* count) noexcept {
  if (!engine().initialised()) return kUninitialized;
  if (count == nullptr) return kInvalidArgument;
  *count = 0;
  return kSuccess;
}

NVML_EXPORT nvmlDeviceGetCount(unsigned* count) noexcept { return give_count(count); }
NVML_EXPORT nvmlDeviceGetCount_v2(unsigned* count) noexcept { return give_count(count); }

NVML_EXPORT nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t* device) noexcept {
  return give_handle(engine().by_index(index), kInvalidArgument, device);
}
NVML_EXPORT nvmlDeviceGetHandleByIndex(unsigned index, nvmlDevice_t* device) noexcept {
  return nvmlDeviceGetHandleByIndex_v2(index, device);
}

NVML_EXPORT nvmlDeviceGetHandleByUUID(const char* uuid, nvmlDevice_t* device) noexcept {
  if (!engine().initialised()) return kUninitialized;
  if (uuid == nullptr || device == nullptr) return kInvalidArgument;
  return search([&](const View& view) { return view.gpu.uuid == uuid; }, device);
}

NVML_EXPORT nvmlDeviceGetHandleByPciBusId_v2(const char* bus, nvmlDevice_t* device) noexcept {
  if (!engine().initialised()) return kUninitialized;
  if (bus == nullptr) return kInvalidArgument;
  const auto address = parse_pci(bus);
  if (!address) return kInvalidArgument;
  return give_handle(engine().by_pci(*address), kNotFound, device);
}
NVML_EXPORT nvmlDeviceGetHandleByPciBusId(const char* bus, nvmlDevice_t* device) noexcept {
  return nvmlDeviceGetHandleByPciBusId_v2(bus, device);
}
