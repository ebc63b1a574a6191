// NVML's calls about events: critical XID errors, and lost GPUs, while a client waits.
#include <chrono>

#include "nvml_sim/event_sets.hpp"
#include "nvml_sim/exports.hpp"

using namespace gpuhub::nvml_sim;

namespace {

// Calls `give(event)` with the next event; else gives the code.
template <typename Give>
nvmlReturn_t wait_for(nvmlEventSet_t set, const void* out, unsigned limit_ms, Give give) noexcept {
  if (!engine().initialised()) return kUninitialized;
  if (out == nullptr) return kInvalidArgument;
  const auto event = event_sets().wait(set, std::chrono::milliseconds(limit_ms));
  if (!event) return event.error();
  give(*event);
  return kSuccess;
}

}  // namespace

NVML_EXPORT nvmlDeviceGetSupportedEventTypes(nvmlDevice_t device,
                                             unsigned long long* types) noexcept {
  return give(device, types, supported_events);
}

NVML_EXPORT nvmlDeviceRegisterEvents(nvmlDevice_t device, unsigned long long types,
                                     nvmlEventSet_t set) noexcept {
  if (!engine().initialised()) return kUninitialized;
  return event_sets().add(device, types, set);
}

NVML_EXPORT nvmlEventSetCreate(nvmlEventSet_t* set) noexcept {
  if (!engine().initialised()) return kUninitialized;
  if (set == nullptr) return kInvalidArgument;
  const auto made = event_sets().create();
  if (!made) return made.error();
  *set = *made;
  return kSuccess;
}

NVML_EXPORT nvmlEventSetFree(nvmlEventSet_t set) noexcept {
  if (!engine().initialised()) return kUninitialized;
  return event_sets().free(set);
}

NVML_EXPORT nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t* data,
                                unsigned limit_ms) noexcept {
  return wait_for(set, data, limit_ms, [&](const nvmlEventData_t& event) { *data = event; });
}
NVML_EXPORT nvmlEventSetWait(nvmlEventSet_t set, nvmlEventData_v1_t* data,
                             unsigned limit_ms) noexcept {
  return wait_for(set, data, limit_ms, [&](const nvmlEventData_t& event) {
    *data = {.device = event.device, .eventType = event.eventType, .eventData = event.eventData};
  });
}
