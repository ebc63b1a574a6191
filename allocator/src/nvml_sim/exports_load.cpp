// NVML's calls about what a GPU is doing: memory, utilisation, processes.
#include <algorithm>
#include <chrono>
#include <iterator>
#include <thread>
#include <vector>

#include "nvml_sim/exports.hpp"

using namespace gpuhub::nvml_sim;

namespace {

constexpr unsigned long long kMib = 1024ULL * 1024ULL;
constexpr unsigned kSamplePeriodUs = 167000;
constexpr unsigned kAnyInstance = 1;  // of a GPU that is split: no instances are simulated
constexpr unsigned kNonsense = 0xfffffff0U;
constexpr auto kHangPause = std::chrono::milliseconds(10);

// For calls about utilisation and processes: waits while the GPU hangs.
template <typename Then>
nvmlReturn_t with_load(nvmlDevice_t device, Then then) noexcept {
  while (true) {
    const auto view = engine().view(device);
    if (!view) return view.error();
    if (!view->load.quirks.hangs) return then(*view);
    std::this_thread::sleep_for(kHangPause);
  }
}

struct Memory {
  unsigned long long total;
  unsigned long long reserved;
  unsigned long long used;
  unsigned long long free;
};

// More than there is cannot be in use, whatever the file says.
Memory memory_of(const View& view) {
  const auto total = view.model.memory_mib * kMib;
  const auto reserved = view.model.reserved_mib * kMib;
  const auto used = std::min(view.load.memory_used_mib * kMib, total - reserved);
  return {.total = total, .reserved = reserved, .used = used, .free = total - reserved - used};
}

std::vector<Process> processes_of(const View& view, ProcessKind kind) {
  std::vector<Process> found;
  std::ranges::copy_if(view.load.processes, std::back_inserter(found),
                       [&](const Process& process) { return process.kind == kind; });
  return found;
}

// NVML has no value for the memory of some processes: then all bits are set.
unsigned long long memory_of(const Process& process, const Quirks& quirks) {
  return quirks.lies ? ~0ULL : process.memory_mib * kMib;
}

void fill(const Process& from, const Quirks& quirks, nvmlProcessInfo_v1_t& to) {
  to = {.pid = from.pid, .usedGpuMemory = memory_of(from, quirks)};
}

void fill(const Process& from, const Quirks& quirks, nvmlProcessInfo_t& to) {
  const auto instance = quirks.mig ? kAnyInstance : kNoInstance;
  to = {.pid = from.pid,
        .usedGpuMemory = memory_of(from, quirks),
        .gpuInstanceId = instance,
        .computeInstanceId = instance};
}

// NVML's way with lists: *count is the room there is; it becomes the number there are, with
// kInsufficientSize when the room was too small and there are any.
template <typename Info>
nvmlReturn_t give_processes(nvmlDevice_t device, ProcessKind kind, unsigned* count, Info* infos) {
  return with_load(device, [&](const View& view) -> nvmlReturn_t {
    if (count == nullptr || (*count > 0 && infos == nullptr)) return kInvalidArgument;
    if (view.load.quirks.no_processes) return kNotSupported;
    const auto found = processes_of(view, kind);
    const auto room = *count;
    *count = static_cast<unsigned>(found.size());
    if (found.size() > room) return kInsufficientSize;
    for (std::size_t i = 0; i < found.size(); ++i) fill(found[i], view.load.quirks, infos[i]);
    return kSuccess;
  });
}

unsigned long long now_us() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<unsigned long long>(
      std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

nvmlReturn_t give_codec(nvmlDevice_t device, unsigned Load::* member, unsigned* percent,
                        unsigned* period_us) {
  return with_gpu(device, [&](const View& view) -> nvmlReturn_t {
    if (percent == nullptr || period_us == nullptr) return kInvalidArgument;
    *percent = view.load.*member;
    *period_us = kSamplePeriodUs;
    return kSuccess;
  });
}

}  // namespace

NVML_EXPORT nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t* memory) noexcept {
  return with_gpu(device, [&](const View& view) -> nvmlReturn_t {
    if (memory == nullptr) return kInvalidArgument;
    const auto now = memory_of(view);
    *memory = {.total = now.total, .free = now.free, .used = now.used + now.reserved};
    return kSuccess;
  });
}

NVML_EXPORT nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t* memory) noexcept {
  return with_gpu(device, [&](const View& view) -> nvmlReturn_t {
    if (memory == nullptr) return kInvalidArgument;
    if (memory->version != kMemoryV2) return kArgumentVersionMismatch;
    const auto now = memory_of(view);
    memory->total = now.total;
    memory->reserved = now.reserved;
    memory->free = now.free;
    memory->used = now.used;
    return kSuccess;
  });
}

NVML_EXPORT nvmlDeviceGetBAR1MemoryInfo(nvmlDevice_t device, nvmlBAR1Memory_t* memory) noexcept {
  return give(device, memory, [](const View& view) {
    const auto total = view.model.bar1_mib * kMib;
    return nvmlBAR1Memory_t{.bar1Total = total, .bar1Free = total - kMib, .bar1Used = kMib};
  });
}

NVML_EXPORT nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t* rates) noexcept {
  return with_load(device, [&](const View& view) -> nvmlReturn_t {
    if (rates == nullptr) return kInvalidArgument;
    const auto& quirks = view.load.quirks;
    if (quirks.no_rates || quirks.mig) return kNotSupported;
    *rates = {.gpu = quirks.lies ? kNonsense : view.load.gpu_util, .memory = view.load.mem_util};
    return kSuccess;
  });
}

NVML_EXPORT nvmlDeviceGetEncoderUtilization(nvmlDevice_t device, unsigned* percent,
                                            unsigned* period_us) noexcept {
  return give_codec(device, &Load::encoder_util, percent, period_us);
}
NVML_EXPORT nvmlDeviceGetDecoderUtilization(nvmlDevice_t device, unsigned* percent,
                                            unsigned* period_us) noexcept {
  return give_codec(device, &Load::decoder_util, percent, period_us);
}

// Each kind of process in the three versions of the call; _v2 and _v3 share the struct.
#define PROCESS_LISTS(KIND, NAME)                                                              \
  NVML_EXPORT NAME(nvmlDevice_t device, unsigned* count, nvmlProcessInfo_v1_t* infos) noexcept { \
    return give_processes(device, ProcessKind::KIND, count, infos);                            \
  }                                                                                            \
  NVML_EXPORT NAME##_v2(nvmlDevice_t device, unsigned* count,                                  \
                        nvmlProcessInfo_t* infos) noexcept {                                   \
    return give_processes(device, ProcessKind::KIND, count, infos);                            \
  }                                                                                            \
  NVML_EXPORT NAME##_v3(nvmlDevice_t device, unsigned* count,                                  \
                        nvmlProcessInfo_t* infos) noexcept {                                   \
    return give_processes(device, ProcessKind::KIND, count, infos);                            \
  }
PROCESS_LISTS(compute, nvmlDeviceGetComputeRunningProcesses)
PROCESS_LISTS(graphics, nvmlDeviceGetGraphicsRunningProcesses)
PROCESS_LISTS(mps, nvmlDeviceGetMPSComputeRunningProcesses)
#undef PROCESS_LISTS

// There is a sample of each process for each period, of its end. Only what is newer than `since`
// is told; without anything newer, or without processes, nothing is found.
NVML_EXPORT nvmlDeviceGetProcessUtilization(nvmlDevice_t device,
                                            nvmlProcessUtilizationSample_t* samples,
                                            unsigned* count, unsigned long long since) noexcept {
  return with_load(device, [&](const View& view) -> nvmlReturn_t {
    if (count == nullptr) return kInvalidArgument;
    const auto& quirks = view.load.quirks;
    if (quirks.no_process_util || quirks.mig) return kNotSupported;
    const auto stamp = now_us() / kSamplePeriodUs * kSamplePeriodUs;
    const auto& all = view.load.processes;
    if (all.empty() || since >= stamp) return kNotFound;
    const auto room = samples == nullptr ? 0U : *count;
    *count = static_cast<unsigned>(all.size());
    if (all.size() > room) return kInsufficientSize;
    for (std::size_t i = 0; i < all.size(); ++i) {
      samples[i] = {.pid = all[i].pid,
                    .timeStamp = stamp,
                    .smUtil = quirks.lies ? kNonsense : all[i].gpu_util,
                    .memUtil = 0,
                    .encUtil = 0,
                    .decUtil = 0};
    }
    return kSuccess;
  });
}
