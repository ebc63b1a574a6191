#include "inventory/nvml_library.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <span>
#include <utility>

#include "inventory/nvml_functions.hpp"

namespace gpuhub::inventory {
namespace {

// A text of a library that may have forgotten the end mark.
std::string text_of(std::span<const char> buffer) {
  const auto end = std::ranges::find(buffer, '\0');
  return {buffer.begin(), end};
}

// The length of the valid UTF-8 character at the start of the text; 0 if there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const auto first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t at = 1; at < length; ++at) {
    if ((byte(at) & 0xc0U) != 0x80U) return 0;
  }
  const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
  const bool outside = (first == 0xed && byte(1) >= 0xa0) || (first == 0xf4 && byte(1) >= 0x90);
  return overlong || outside ? 0 : length;
}

std::string remedy(int code) {
  switch (code) {
    case kDriverNotLoaded:
      return "the NVIDIA driver is not loaded: load it (modprobe nvidia) or install it, then start"
             " gpuhub again";
    case kVersionMismatch:
      return "the driver was changed while it was running: reboot this machine";
    default:
      return "see `nvidia-smi` and the kernel's log (dmesg) on this machine";
  }
}

}  // namespace

bool NvmlError::unsupported() const { return code == kNotSupported || code == kFunctionNotFound; }
bool NvmlError::lost() const { return code == kGpuIsLost; }
bool NvmlError::unreachable() const {
  return lost() || code == kUnknown || code == kResetRequired;
}
bool NvmlError::not_found() const { return code == kNotFound; }

std::string clean_text(std::string_view text, std::size_t max) {
  std::string clean;
  while (!text.empty()) {
    const auto length = utf8_length(text);
    const auto first = static_cast<unsigned char>(text[0]);
    const bool good = length > 0 && first >= 0x20 && first != 0x7f;
    if (clean.size() + (good ? length : 1) > max) break;
    clean += good ? text.substr(0, length) : std::string_view("?");
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return clean;
}

NvmlLibrary::NvmlLibrary(void* handle, std::unique_ptr<Functions> functions)
    : handle_(handle), functions_(std::move(functions)) {}

NvmlLibrary::~NvmlLibrary() {
  functions_->shutdown();
  ::dlclose(handle_);
}

std::expected<std::unique_ptr<NvmlLibrary>, Error> NvmlLibrary::open(const std::string& path) {
  const auto fail = [](ErrorKind kind, std::string message) {
    return std::unexpected(Error{.kind = kind, .message = std::move(message)});
  };
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* why = ::dlerror();
    return fail(ErrorKind::unavailable,
                std::format("cannot open NVML ({}): is the NVIDIA driver installed, and does this"
                            " container have the toolkit's capability `utility`?",
                            why == nullptr ? path : why));
  }
  auto functions = std::make_unique<Functions>();
  if (const auto missing = functions->look_up(handle); !missing.empty()) {
    ::dlclose(handle);
    return fail(ErrorKind::unavailable,
                std::format("{} has no {}: the NVIDIA driver is too old (450 or newer is needed)",
                            path, missing));
  }
  if (const int code = functions->init(); code != 0) {
    const char* words = nullptr;
    if (functions->error_string != nullptr) words = functions->error_string(code);
    auto message = std::format("NVML does not start ({}, code {}): {}",
                               words == nullptr ? "no words" : clean_text(words, 128), code,
                               remedy(code));
    ::dlclose(handle);
    const bool no_driver = code == kDriverNotLoaded || code == kVersionMismatch;
    return fail(no_driver ? ErrorKind::unavailable : ErrorKind::failed, std::move(message));
  }
  return std::unique_ptr<NvmlLibrary>(new NvmlLibrary(handle, std::move(functions)));
}

NvmlError NvmlLibrary::error(const char* call, int code) const {
  const char* words = nullptr;
  if (functions_->error_string != nullptr) words = functions_->error_string(code);
  return {.code = code,
          .message = words == nullptr ? std::format("{}: code {}", call, code)
                                      : std::format("{}: {}", call, clean_text(words, 128))};
}

NvmlResult<unsigned> NvmlLibrary::count() const {
  unsigned count = 0;
  const int code = functions_->count(&count);
  if (code != 0) return std::unexpected(error("nvmlDeviceGetCount", code));
  return count;
}

// A null handle is never used: NVML itself would crash on it.
NvmlResult<void*> NvmlLibrary::handle(const char* call, int code, void* given) const {
  if (code != 0) return std::unexpected(error(call, code));
  if (given == nullptr) return std::unexpected(error(call, kUnknown));
  return given;
}

NvmlResult<NvmlLibrary::Device> NvmlLibrary::device(unsigned index) const {
  Device device = nullptr;
  const int code = functions_->by_index(index, &device);
  return handle("nvmlDeviceGetHandleByIndex", code, device);
}

NvmlResult<NvmlLibrary::Device> NvmlLibrary::device(const std::string& uuid) const {
  Device device = nullptr;
  const int code = functions_->by_uuid(uuid.c_str(), &device);
  return handle("nvmlDeviceGetHandleByUUID", code, device);
}

NvmlResult<NvmlLibrary::Device> NvmlLibrary::device_on(const std::string& pci_bus) const {
  Device device = nullptr;
  const int code = functions_->by_pci == nullptr ? kFunctionNotFound
                                                 : functions_->by_pci(pci_bus.c_str(), &device);
  return handle("nvmlDeviceGetHandleByPciBusId", code, device);
}

NvmlResult<std::string> NvmlLibrary::uuid(Device device) const {
  std::array<char, 96> text{};
  const int code = functions_->uuid(device, text.data(), text.size());
  if (code != 0) return std::unexpected(error("nvmlDeviceGetUUID", code));
  return text_of(text);
}

NvmlResult<std::string> NvmlLibrary::name(Device device) const {
  std::array<char, 96> text{};
  const int code = functions_->name(device, text.data(), text.size());
  if (code != 0) return std::unexpected(error("nvmlDeviceGetName", code));
  return clean_text(text_of(text), 128);
}

NvmlResult<NvmlMemory> NvmlLibrary::memory(Device device) const {
  if (functions_->memory_v2 != nullptr) {
    MemoryV2 memory{.version = kMemoryV2, .total = 0, .reserved = 0, .free = 0, .used = 0};
    if (functions_->memory_v2(device, &memory) == 0) {
      return NvmlMemory{.total_bytes = memory.total, .used_bytes = memory.used};
    }
  }
  Memory memory{};
  const int code = functions_->memory(device, &memory);
  if (code != 0) return std::unexpected(error("nvmlDeviceGetMemoryInfo", code));
  return NvmlMemory{.total_bytes = memory.total, .used_bytes = memory.used};
}

NvmlResult<unsigned> NvmlLibrary::minor(Device device) const {
  unsigned minor = 0;
  const int code =
      functions_->minor == nullptr ? kFunctionNotFound : functions_->minor(device, &minor);
  if (code != 0) return std::unexpected(error("nvmlDeviceGetMinorNumber", code));
  return minor;
}

NvmlResult<std::string> NvmlLibrary::pci_bus(Device device) const {
  Pci pci{};
  const int code = functions_->pci == nullptr ? kFunctionNotFound : functions_->pci(device, &pci);
  if (code != 0) return std::unexpected(error("nvmlDeviceGetPciInfo", code));
  return clean_text(text_of(pci.bus_id), 32);
}

NvmlResult<NvmlUtilization> NvmlLibrary::utilization(Device device) const {
  Utilization rates{};
  const int code = functions_->utilization == nullptr ? kFunctionNotFound
                                                      : functions_->utilization(device, &rates);
  if (code != 0) return std::unexpected(error("nvmlDeviceGetUtilizationRates", code));
  return NvmlUtilization{.gpu_percent = rates.gpu, .memory_percent = rates.memory};
}

NvmlResult<NvmlLibrary::EventSet> NvmlLibrary::create_event_set() const {
  EventSet set = nullptr;
  const int code =
      functions_->has_events() ? functions_->event_set_create(&set) : kFunctionNotFound;
  return handle("nvmlEventSetCreate", code, set);
}

void NvmlLibrary::free_event_set(EventSet set) const { functions_->event_set_free(set); }

NvmlResult<void> NvmlLibrary::add_xid_events(Device device, EventSet set) const {
  unsigned long long types = 0;
  if (const int code = functions_->supported_events(device, &types); code != 0) {
    return std::unexpected(error("nvmlDeviceGetSupportedEventTypes", code));
  }
  const int code = (types & nvml_xid_event) == 0
                       ? kNotSupported
                       : functions_->register_events(device, nvml_xid_event, set);
  if (code != 0) return std::unexpected(error("nvmlDeviceRegisterEvents", code));
  return {};
}

NvmlResult<std::optional<NvmlEvent>> NvmlLibrary::wait(EventSet set,
                                                       std::chrono::milliseconds limit) const {
  EventData event{};
  const int code =
      functions_->event_set_wait(set, &event, static_cast<unsigned>(limit.count()));
  if (code == kTimeout) return std::nullopt;
  if (code != 0) return std::unexpected(error("nvmlEventSetWait", code));
  return NvmlEvent{.device = event.device, .type = event.type, .data = event.data};
}

}  // namespace gpuhub::inventory
