// The part of NVML's C interface that is about events, laid out as in NVIDIA's library: see
// abi.hpp.
#pragma once

#include "nvml_sim/abi.hpp"

extern "C" {

struct nvmlEventSet_st;
using nvmlEventSet_t = nvmlEventSet_st*;

// The struct of the first version of the wait, which must not be written beyond its end.
struct nvmlEventData_v1_t {
  nvmlDevice_t device;
  unsigned long long eventType;  // one bit
  unsigned long long eventData;  // of an XID event: the XID
};

struct nvmlEventData_t {
  nvmlDevice_t device;
  unsigned long long eventType;
  unsigned long long eventData;
  unsigned gpuInstanceId;      // kNoInstance: the whole GPU
  unsigned computeInstanceId;
};

}  // extern "C"

namespace gpuhub::nvml_sim {

enum EventType : unsigned long long {
  kSingleBitEccError = 0x01,
  kDoubleBitEccError = 0x02,
  kXidCriticalError = 0x08,
};
// Every bit that NVML's headers name: whoever asks for another one made a mistake.
inline constexpr unsigned long long kEventTypesNamed = 0x1f | 0x80 | 0x100;

static_assert(sizeof(nvmlEventData_v1_t) == 24 && sizeof(nvmlEventData_t) == 32);

}  // namespace gpuhub::nvml_sim
