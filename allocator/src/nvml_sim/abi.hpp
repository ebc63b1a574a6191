// The part of NVML's C interface that is simulated: codes, structs and constants, laid out as in
// NVIDIA's library. Used by the exports and by tests. Names of the interface are kept as they are.
#pragma once

#include <cstdint>

extern "C" {

using nvmlReturn_t = int;
struct nvmlDevice_st;
using nvmlDevice_t = nvmlDevice_st*;

struct nvmlUtilization_t {
  unsigned gpu;     // percent of the last sample period in which a kernel ran
  unsigned memory;  // percent in which memory was read or written
};

struct nvmlMemory_t {
  unsigned long long total;  // bytes, all three
  unsigned long long free;
  unsigned long long used;  // with what the driver keeps for itself
};

struct nvmlMemory_v2_t {
  unsigned version;
  unsigned long long total;
  unsigned long long reserved;
  unsigned long long free;
  unsigned long long used;  // without `reserved`
};

struct nvmlBAR1Memory_t {
  unsigned long long bar1Total;
  unsigned long long bar1Free;
  unsigned long long bar1Used;
};

// The first five fields and busIdLegacy are all that the second version of the call fills.
struct nvmlPciInfo_t {
  char busIdLegacy[16];
  unsigned domain;
  unsigned bus;
  unsigned device;
  unsigned pciDeviceId;
  unsigned pciSubSystemId;
  char busId[32];
};

struct nvmlProcessInfo_v1_t {
  unsigned pid;
  unsigned long long usedGpuMemory;
};

struct nvmlProcessInfo_t {
  unsigned pid;
  unsigned long long usedGpuMemory;
  unsigned gpuInstanceId;
  unsigned computeInstanceId;
};

struct nvmlProcessUtilizationSample_t {
  unsigned pid;
  unsigned long long timeStamp;  // microseconds since 1970
  unsigned smUtil;
  unsigned memUtil;
  unsigned encUtil;
  unsigned decUtil;
};

struct nvmlTemperature_t {
  unsigned version;
  unsigned sensorType;
  int temperature;
};

union nvmlValue_t {
  double dVal;
  unsigned uiVal;
  unsigned long ulVal;
  unsigned long long ullVal;
};

struct nvmlFieldValue_t {
  unsigned fieldId;
  unsigned scopeId;
  long long timestamp;
  long long latencyUsec;
  unsigned valueType;
  nvmlReturn_t nvmlReturn;
  nvmlValue_t value;
};

}  // extern "C"

namespace gpuhub::nvml_sim {

enum Code : nvmlReturn_t {
  kSuccess = 0,
  kUninitialized = 1,
  kInvalidArgument = 2,
  kNotSupported = 3,
  kNotFound = 6,
  kInsufficientSize = 7,
  kDriverNotLoaded = 9,
  kTimeout = 10,
  kGpuIsLost = 15,
  kVersionMismatch = 18,  // of the library and the kernel's driver
  kArgumentVersionMismatch = 25,
  kUnknown = 999,
};

inline constexpr unsigned kMemoryV2 = sizeof(nvmlMemory_v2_t) | (2U << 24U);
inline constexpr unsigned kTemperatureV1 = sizeof(nvmlTemperature_t) | (1U << 24U);
inline constexpr unsigned kNoInstance = 0xffffffffU;  // "not in a MIG instance"

static_assert(kMemoryV2 == 0x02000028 && kTemperatureV1 == 0x0100000c);
static_assert(sizeof(nvmlPciInfo_t) == 68 && sizeof(nvmlProcessInfo_t) == 24);
static_assert(sizeof(nvmlFieldValue_t) == 40 && sizeof(nvmlProcessUtilizationSample_t) == 32);

}  // namespace gpuhub::nvml_sim
