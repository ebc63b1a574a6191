// An NVML that works, or lies in the ways that the test names (liar.hpp). Two GPUs, a and b.
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

struct Event {
  void* device;
  unsigned long long type, data;
  unsigned gpu_instance, compute_instance;
};

struct Told {
  std::mutex mutex;
  std::condition_variable changed;
  std::string lies;  // each ends with ';'
  std::deque<Event> events;
  unsigned inits = 0;
  unsigned shutdowns = 0;
  unsigned waits = 0;
};
Told told;

bool lies_with_lock(std::string_view what) {
  const auto at = told.lies.find(std::string(what) + ";");
  return at != std::string::npos && (at == 0 || told.lies[at - 1] == ';');
}
bool lie(std::string_view what) {
  const std::scoped_lock lock(told.mutex);
  return lies_with_lock(what);
}

struct Memory {
  unsigned long long total, free, used;
};
struct Utilization {
  unsigned gpu, memory;
};
struct Pci {
  char bus_legacy[16];
  unsigned domain, bus, device, device_id, subsystem_id;
  char bus_id[32];
};
int gpus[3];  // the third is one that NVML never shows

bool second(const void* device) { return device == &gpus[1]; }

// The code of calls about a GPU that is lost, or 0.
int lost(const void* device) {
  if (lie("all lost")) return 15;
  if (lie(second(device) ? "b lost" : "a lost")) return 15;
  return 0;
}

}  // namespace

EXPORT void lying_nvml_lie(const char* lies) {
  const std::scoped_lock lock(told.mutex);
  told.lies = *lies == '\0' ? "" : std::string(lies) + ";";
  told.changed.notify_all();
}
EXPORT void lying_nvml_raise(unsigned gpu, unsigned long long type, unsigned long long data) {
  const std::scoped_lock lock(told.mutex);
  told.events.push_back({&gpus[gpu], type, data, ~0U, ~0U});
  told.changed.notify_all();
}
EXPORT unsigned lying_nvml_inits() {
  const std::scoped_lock lock(told.mutex);
  return told.inits;
}
EXPORT unsigned lying_nvml_shutdowns() {
  const std::scoped_lock lock(told.mutex);
  return told.shutdowns;
}
EXPORT unsigned lying_nvml_waits() {
  const std::scoped_lock lock(told.mutex);
  return told.waits;
}

EXPORT int nvmlInit_v2() {
  {
    const std::scoped_lock lock(told.mutex);
    ++told.inits;
  }
  if (lie("no driver")) return 9;
  if (lie("new driver")) return 18;
  return lie("init fails") ? 777 : 0;
}
EXPORT int nvmlShutdown() {
  const std::scoped_lock lock(told.mutex);
  ++told.shutdowns;
  return 0;
}
EXPORT const char* nvmlErrorString(int code) {
  if (lie("no words")) return nullptr;
  return code == 9 ? "Driver Not Loaded" : code == 15 ? "GPU is lost" : "Something \xff\n odd";
}
EXPORT int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = lie("many") ? 4'000'000'000U : lie("a gone") || lie("b gone") ? 1 : 2;
  return lie("count fails") ? 999 : 0;
}
// A GPU that is gone moves the others up.
EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  if (lie("lost") && index == 0) return 15;
  *device = &gpus[lie("a gone") ? index + 1 : index];
  if (lie("b unknown") && second(*device)) return 999;
  if (lie("null handle") && second(*device)) *device = nullptr;
  return lie("lost late") ? 0 : lost(*device);
}
EXPORT int nvmlDeviceGetHandleByPciBusId_v2(const char* bus, void** device) {
  if (lie("no pci")) return 13;
  *device = std::strcmp(bus, "00000000:0B:00.0") == 0 ? &gpus[1] : &gpus[0];
  if (lie(second(*device) ? "b gone" : "a gone")) return 6;
  if (lie("b unknown") && second(*device)) return 999;
  return lost(*device);
}
EXPORT int nvmlDeviceGetPciInfo_v3(void* device, Pci* pci) {
  std::strcpy(pci->bus_id, second(device) ? "00000000:0B:00.0" : "00000000:0A:00.0");
  return lie("no pci") ? 3 : 0;
}
// The search meets the lost one, whichever is looked for.
EXPORT int nvmlDeviceGetHandleByUUID(const char* /*uuid*/, void** device) {
  *device = &gpus[0];
  return lie("lost") || lost(&gpus[0]) != 0 || lost(&gpus[1]) != 0 ? 15 : 0;
}
EXPORT int nvmlDeviceGetUUID(void* device, char* text, unsigned length) {
  if (lie("no end")) {
    std::memset(text, 'G', length);
    return 0;
  }
  const char* uuid = second(device) && !lie("twin") ? "GPU-b" : "GPU-a";
  if (second(device) && lie("odd uuid")) uuid = "GPU-{b}\n";
  if (second(device) && lie("mig uuid")) uuid = "MIG-b";
  std::strncpy(text, uuid, length);
  return 0;
}
EXPORT int nvmlDeviceGetName(void* /*device*/, char* text, unsigned length) {
  if (lie("name without end")) {
    std::memset(text, 'x', length);
    return 0;
  }
  std::strncpy(text, lie("odd name") ? "NVIDIA \xc3\xa9\xff\x1b[31m" : "Card", length);
  if (lie("no name")) text[0] = '\0';
  return 0;
}
EXPORT int nvmlDeviceGetMemoryInfo(void* device, Memory* memory) {
  if (const int code = lost(device); code != 0) return code;
  if (lie("no memory")) return 3;
  *memory = {.total = 8ULL << 30U, .free = 7ULL << 30U, .used = 1ULL << 30U};
  if (lie("huge") && second(device)) memory->total = ~0ULL;
  if (lie("used beyond")) memory->used = 9ULL << 30U;
  return 0;
}
EXPORT int nvmlDeviceGetMinorNumber(void* device, unsigned* minor) {
  *minor = lie("odd minor") ? 0xffffffffU : second(device) ? 1U : 0U;
  return 0;
}
EXPORT int nvmlDeviceGetUtilizationRates(void* device, Utilization* rates) {
  if (const int code = lost(device); code != 0) return code;
  if (lie("rates fail")) return 15;
  if (lie("no rates")) return 3;
  *rates = {.gpu = lie("rates beyond") ? 0xffffffffU : 40U, .memory = 10};
  return 0;
}

// Two processes, 7 and 8, which did 30 % and nothing a moment ago. Only those that compute are
// listed.
EXPORT int nvmlDeviceGetComputeRunningProcesses_v3(void* device, unsigned* count, void* list) {
  if (const int code = lost(device); code != 0) return code;
  if (lie("list hangs")) {
    std::unique_lock lock(told.mutex);
    told.changed.wait(lock, [] { return !lies_with_lock("list hangs"); });
  }
  const unsigned room = *count;
  if (lie("no list")) return 3;
  if (lie("list fails")) return 777;
  *count = lie("list many") ? 4'000'000'000U : lie("list grows") ? room + 1 : 2;
  if (*count > room) return 7;
  struct Narrow {
    unsigned pid;
    unsigned long long memory;
    unsigned gpu_instance, compute_instance;
  };
  struct Wide {
    unsigned pid;
    unsigned long long memory;
    unsigned gpu_instance, compute_instance;
    unsigned long long protected_memory;
  };
  const unsigned long long memory = lie("list without memory") ? ~0ULL
                                    : lie("list huge")         ? 1ULL << 60U
                                                               : 3ULL << 20U;
  const unsigned first = lie("no pids") ? 0 : 7;
  const unsigned second_pid = lie("no pids") ? 0 : 8;
  const unsigned instance = lie("instances") ? 2 : ~0U;
  if (lie("wide list")) {
    const Wide wide[]{{first, memory, instance, instance, 0},
                      {second_pid, memory, instance, instance, 0}};
    std::memcpy(list, wide, sizeof wide);
  } else {
    const Narrow narrow[]{{first, memory, instance, instance},
                          {second_pid, memory, instance, instance}};
    std::memcpy(list, narrow, sizeof narrow);
  }
  if (lie("list beyond")) *count = room + 1;
  return 0;
}
EXPORT int nvmlDeviceGetMigMode(void* /*device*/, unsigned* current, unsigned* pending) {
  *current = *pending = lie("instances") ? 1 : 0;
  return lie("mig fails") ? 777 : 0;
}
struct Sample {
  unsigned pid;
  unsigned long long stamp;
  unsigned sm, memory, encoder, decoder;
};
EXPORT int nvmlDeviceGetProcessUtilization(void* device, Sample* samples, unsigned* count,
                                           unsigned long long since) {
  if (const int code = lost(device); code != 0) return code;
  if (lie("no samples")) return 3;
  if (lie("samples fail")) return 777;
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const auto now = static_cast<unsigned long long>(
      std::chrono::duration_cast<std::chrono::microseconds>(wall).count());
  const unsigned room = *count;
  if (lie("samples many")) {
    *count = 4'000'000'000U;
    return 7;
  }
  const auto stamp = lie("samples stale")    ? since
                     : lie("samples old")    ? 5
                     : lie("samples future") ? ~0ULL
                                             : now;
  if (lie("nothing since")) return 6;
  const unsigned sm = lie("samples beyond") ? 0xffffffffU : 30U;
  samples[0] = {lie("samples of the gone") ? 99U : 7U, stamp, sm, 0, 0, 0};
  samples[1] = {8, stamp, 0, 0, 0, 0};
  *count = lie("samples without end") ? room + 1 : 2;
  return 0;
}

EXPORT int nvmlEventSetCreate(void** set) {
  *set = &told;
  if (lie("null set")) *set = nullptr;
  return lie("no events") ? 3 : lie("set fails") ? 999 : 0;
}
EXPORT int nvmlEventSetFree(void* /*set*/) { return 0; }
EXPORT int nvmlDeviceGetSupportedEventTypes(void* device, unsigned long long* types) {
  *types = lie("deaf") || (lie("b deaf") && second(device)) ? 0x17 : 0x1f;
  return 0;
}
EXPORT int nvmlDeviceRegisterEvents(void* device, unsigned long long types, void* /*set*/) {
  if (types != 8) return 2;
  return lie("b odd") && second(device) ? 999 : lost(device);
}
EXPORT int nvmlEventSetWait_v2(void* /*set*/, Event* event, unsigned limit_ms) {
  std::unique_lock lock(told.mutex);
  ++told.waits;
  told.changed.notify_all();
  if (lies_with_lock("wait hangs")) {
    told.changed.wait(lock, [] { return !lies_with_lock("wait hangs"); });
    return 10;
  }
  if (lies_with_lock("wait fails")) return 777;
  if (lies_with_lock("wait at once")) return 10;
  if (lies_with_lock("wait lost")) return 15;
  if (lies_with_lock("flood")) {
    *event = {&gpus[0], 8, lies_with_lock("of kinds") ? 1000 + told.waits : 79, ~0U, ~0U};
    return 0;
  }
  told.changed.wait_for(lock, std::chrono::milliseconds(limit_ms),
                        [] { return !told.events.empty(); });
  if (told.events.empty()) return 10;
  *event = told.events.front();
  told.events.pop_front();
  return 0;
}
