// An NVML that works, or lies in the way that the variable LYING_NVML names. Two GPUs.
#include <cstdlib>
#include <cstring>
#include <string_view>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

bool lie(std::string_view what) {
  const char* chosen = std::getenv("LYING_NVML");
  return chosen != nullptr && chosen == what;
}

struct Memory {
  unsigned long long total, free, used;
};
struct Utilization {
  unsigned gpu, memory;
};
int gpus[2];

bool second(const void* device) { return device == &gpus[1]; }

}  // namespace

EXPORT int nvmlInit_v2() {
  if (lie("no driver")) return 9;
  if (lie("new driver")) return 18;
  return lie("init fails") ? 777 : 0;
}
EXPORT int nvmlShutdown() { return 0; }
EXPORT const char* nvmlErrorString(int code) {
  if (lie("no words")) return nullptr;
  return code == 9 ? "Driver Not Loaded" : code == 15 ? "GPU is lost" : "Something \xff\n odd";
}
EXPORT int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = lie("many") ? 4'000'000'000U : 2;
  return lie("count fails") ? 999 : 0;
}
EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  if (lie("lost") && index == 0) return 15;
  *device = &gpus[index];
  return 0;
}
EXPORT int nvmlDeviceGetHandleByUUID(const char* /*uuid*/, void** device) {
  *device = &gpus[0];
  return lie("lost") ? 15 : 0;
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
EXPORT int nvmlDeviceGetUtilizationRates(void* /*device*/, Utilization* rates) {
  if (lie("rates fail")) return 15;
  if (lie("no rates")) return 3;
  *rates = {.gpu = lie("rates beyond") ? 0xffffffffU : 40U, .memory = 10};
  return 0;
}
