// NVML opened at run time, so that one binary runs with and without GPUs: never linked. Each call
// gives a value or the library's own words. What it says is checked for shape here (end marks,
// UTF-8, null handles), for sense in nvml_inventory. Calls may be made from several threads at
// once, as NVML's may; one object per process is enough.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "inventory/inventory.hpp"

namespace gpuhub::inventory {

// NVML's own code and words for a call that failed.
struct NvmlError {
  int code = 0;
  std::string message;  // "nvmlDeviceGetName: GPU is lost"
  // Not supported by this GPU, or the library is too old to have the call: a value, not a fault.
  [[nodiscard]] bool unsupported() const;
  // The GPU is there and cannot be reached.
  [[nodiscard]] bool lost() const;
  // lost(), or what newer drivers say of a GPU that had fallen off the bus before NVML began
  // ("Unknown Error"), or of one that must be reset first.
  [[nodiscard]] bool unreachable() const;
  // No such GPU (any more).
  [[nodiscard]] bool not_found() const;
};
template <typename T>
using NvmlResult = std::expected<T, NvmlError>;

struct NvmlMemory {
  std::uint64_t total_bytes = 0;
  std::uint64_t used_bytes = 0;  // without what the driver keeps for itself, where that is told
};
struct NvmlUtilization {
  unsigned gpu_percent = 0;
  unsigned memory_percent = 0;
};
// A process that has a context on the GPU.
struct NvmlProcess {
  std::uint32_t pid = 0;
  std::optional<std::uint64_t> memory_bytes{};  // nullopt: NVML has no value
  std::optional<std::uint32_t> instance{};      // of the GPU, where it is split
};
struct NvmlProcessSample {
  std::uint32_t pid = 0;
  std::uint64_t stamp_us = 0;  // since 1970
  unsigned sm_percent = 0;     // as told: may be what cannot be
};
struct NvmlEvent {
  void* device = nullptr;  // as NVML gave it: only to be compared
  std::uint64_t type = 0;
  std::uint64_t data = 0;
  bool operator==(const NvmlEvent&) const = default;
};
inline constexpr std::uint64_t nvml_xid_event = 0x08;  // nvmlEventTypeXidCriticalError

class NvmlLibrary {
 public:
  // Opens the library, looks its functions up and initialises it. The error says what to do.
  static std::expected<std::unique_ptr<NvmlLibrary>, Error> open(const std::string& path);
  ~NvmlLibrary();
  NvmlLibrary(const NvmlLibrary&) = delete;
  NvmlLibrary& operator=(const NvmlLibrary&) = delete;

  using Device = void*;  // a handle of NVML; good until this object ends
  NvmlResult<unsigned> count() const;
  NvmlResult<Device> device(unsigned index) const;
  // NVML searches for it, and may fail because some other GPU is lost: only where there is no
  // handle.
  NvmlResult<Device> device(const std::string& uuid) const;
  NvmlResult<Device> device_on(const std::string& pci_bus) const;
  NvmlResult<std::string> uuid(Device device) const;
  // Valid UTF-8 without control characters, at most 128 bytes: what is not becomes '?'.
  NvmlResult<std::string> name(Device device) const;
  NvmlResult<NvmlMemory> memory(Device device) const;
  NvmlResult<unsigned> minor(Device device) const;
  NvmlResult<std::string> pci_bus(Device device) const;
  NvmlResult<NvmlUtilization> utilization(Device device) const;
  NvmlResult<bool> mig(Device device) const;  // is it split into instances?
  // At most model::gpu_processes_max; more, or a count beyond the room given, is an error.
  NvmlResult<std::vector<NvmlProcess>> processes(Device device, model::ProcessKind kind) const;
  // The newest sample of each process after that time; empty: none did anything since.
  NvmlResult<std::vector<NvmlProcessSample>> process_samples(Device device,
                                                             std::uint64_t since_us) const;

  using EventSet = void*;
  NvmlResult<EventSet> create_event_set() const;
  void free_event_set(EventSet set) const;
  // Adds the device's XID errors from now on to the set; unsupported() where it cannot tell of
  // them.
  NvmlResult<void> add_xid_events(Device device, EventSet set) const;
  // The next event; nullopt: none came in time, or an interruption. May take as long as it likes.
  NvmlResult<std::optional<NvmlEvent>> wait(EventSet set, std::chrono::milliseconds limit) const;

 private:
  struct Functions;
  NvmlLibrary(void* handle, std::unique_ptr<Functions> functions);
  NvmlError error(const char* call, int code) const;
  NvmlResult<void*> handle(const char* call, int code, void* given) const;

  void* handle_;
  std::unique_ptr<Functions> functions_;
};

// The text with each byte that is not part of valid UTF-8, and each control character, replaced
// by '?', cut to at most `max` bytes at the end of a character.
std::string clean_text(std::string_view text, std::size_t max);

}  // namespace gpuhub::inventory
