// NVML's calls about the state a GPU is in: temperature, power, clocks, modes. Where the real
// ones follow the load, these do too: idle at 0 %, the model's most at 100 %, linear between.
#include <cstdint>

#include "nvml_sim/exports.hpp"

using namespace gpuhub::nvml_sim;

namespace {

enum Field : unsigned {
  kEccCurrent = 1,
  kMemoryTemperature = 82,
  kLinkCount = 91,
  kPowerAverage = 185,
  kPowerInstant = 186,
};
constexpr unsigned kValueUnsigned = 1;
constexpr unsigned kSensorGpu = 0;
constexpr unsigned kClockCustomerBoostMax = 3;
constexpr unsigned long long kReasonIdle = 1;

unsigned between(unsigned idle, unsigned busy, const View& view) {
  return idle + static_cast<unsigned>(std::uint64_t{busy - idle} * view.load.gpu_util / 100);
}

unsigned power_mw(const View& view) {
  return between(view.model.power_idle_mw, view.model.power_default_mw, view);
}

unsigned temperature_c(const View& view) {
  return between(view.model.temperature_idle_c, view.model.temperature_busy_c, view);
}

bool idle(const View& view) { return view.load.gpu_util == 0; }

unsigned clock_mhz(const View& view, unsigned type) {
  const auto& range = view.model.clocks[type];
  return idle(view) ? range.idle_mhz : range.max_mhz;
}

unsigned max_clock_mhz(const View& view, unsigned type) { return view.model.clocks[type].max_mhz; }

template <typename Get>
nvmlReturn_t give_clock(nvmlDevice_t device, unsigned type, unsigned* mhz, Get get) {
  return with_gpu(device, [&](const View& view) -> nvmlReturn_t {
    if (mhz == nullptr || type >= view.model.clocks.size()) return kInvalidArgument;
    *mhz = get(view, type);
    return kSuccess;
  });
}

nvmlReturn_t give_fan(nvmlDevice_t device, unsigned fan, unsigned* percent) {
  return with_gpu(device, [&](const View& view) -> nvmlReturn_t {
    if (percent == nullptr) return kInvalidArgument;
    if (view.model.fans == 0) return kNotSupported;
    if (fan >= view.model.fans) return kInvalidArgument;
    *percent = idle(view) ? 0 : between(30, 85, view);
    return kSuccess;
  });
}

nvmlReturn_t field_value(const View& view, unsigned field, unsigned& value) {
  switch (field) {
    case kEccCurrent: value = view.model.ecc ? 1 : 0; return kSuccess;
    case kLinkCount: value = 0; return kSuccess;
    case kPowerAverage:
    case kPowerInstant: value = power_mw(view); return kSuccess;
    case kMemoryTemperature:
      if (!view.model.datacenter) return kNotSupported;
      value = temperature_c(view) + 3;
      return kSuccess;
    default: return kNotSupported;
  }
}

}  // namespace

NVML_EXPORT nvmlDeviceGetTemperature(nvmlDevice_t device, unsigned sensor,
                                     unsigned* degrees) noexcept {
  return with_gpu(device, [&](const View& view) -> nvmlReturn_t {
    if (degrees == nullptr || sensor != kSensorGpu) return kInvalidArgument;
    *degrees = temperature_c(view);
    return kSuccess;
  });
}

NVML_EXPORT nvmlDeviceGetTemperatureV(nvmlDevice_t device, nvmlTemperature_t* reading) noexcept {
  return with_gpu(device, [&](const View& view) -> nvmlReturn_t {
    if (reading == nullptr) return kInvalidArgument;
    if (reading->version != kTemperatureV1) return kArgumentVersionMismatch;
    if (reading->sensorType != kSensorGpu) return kInvalidArgument;
    reading->temperature = static_cast<int>(temperature_c(view));
    return kSuccess;
  });
}

NVML_EXPORT nvmlDeviceGetTemperatureThreshold(nvmlDevice_t device, unsigned type,
                                              unsigned* degrees) noexcept {
  return with_gpu(device, [&](const View& view) -> nvmlReturn_t {
    if (degrees == nullptr || type > 7) return kInvalidArgument;
    if (type >= view.model.temperature_limits_c.size()) return kNotSupported;
    *degrees = view.model.temperature_limits_c[type];
    return kSuccess;
  });
}

NVML_EXPORT nvmlDeviceGetFanSpeed(nvmlDevice_t device, unsigned* percent) noexcept {
  return give_fan(device, 0, percent);
}
NVML_EXPORT nvmlDeviceGetFanSpeed_v2(nvmlDevice_t device, unsigned fan,
                                     unsigned* percent) noexcept {
  return give_fan(device, fan, percent);
}
NVML_EXPORT nvmlDeviceGetNumFans(nvmlDevice_t device, unsigned* number) noexcept {
  return give(device, number, [](const View& view) { return view.model.fans; });
}

NVML_EXPORT nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned* milliwatts) noexcept {
  return give(device, milliwatts, power_mw);
}
NVML_EXPORT nvmlDeviceGetPowerManagementMode(nvmlDevice_t device, unsigned* on) noexcept {
  return give(device, on, [](const View&) { return 1; });
}
NVML_EXPORT nvmlDeviceGetPowerManagementLimit(nvmlDevice_t device, unsigned* milliwatts) noexcept {
  return give(device, milliwatts, [](const View& view) { return view.model.power_default_mw; });
}
NVML_EXPORT nvmlDeviceGetPowerManagementDefaultLimit(nvmlDevice_t device,
                                                     unsigned* milliwatts) noexcept {
  return give(device, milliwatts, [](const View& view) { return view.model.power_default_mw; });
}
NVML_EXPORT nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned* milliwatts) noexcept {
  return give(device, milliwatts, [](const View& view) { return view.model.power_default_mw; });
}
NVML_EXPORT nvmlDeviceGetPowerManagementLimitConstraints(nvmlDevice_t device, unsigned* least,
                                                         unsigned* most) noexcept {
  return with_gpu(device, [&](const View& view) -> nvmlReturn_t {
    if (least == nullptr || most == nullptr) return kInvalidArgument;
    *least = view.model.power_min_mw;
    *most = view.model.power_max_mw;
    return kSuccess;
  });
}

// P0 when busy; idle, cards for data centres stay in P0, others go to P8.
NVML_EXPORT nvmlDeviceGetPerformanceState(nvmlDevice_t device, unsigned* state) noexcept {
  return give(device, state,
              [](const View& view) { return idle(view) && !view.model.datacenter ? 8 : 0; });
}
NVML_EXPORT nvmlDeviceGetPowerState(nvmlDevice_t device, unsigned* state) noexcept {
  return nvmlDeviceGetPerformanceState(device, state);
}

NVML_EXPORT nvmlDeviceGetClockInfo(nvmlDevice_t device, unsigned type, unsigned* mhz) noexcept {
  return give_clock(device, type, mhz, clock_mhz);
}
NVML_EXPORT nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, unsigned type, unsigned* mhz) noexcept {
  return give_clock(device, type, mhz, max_clock_mhz);
}
NVML_EXPORT nvmlDeviceGetMaxCustomerBoostClock(nvmlDevice_t device, unsigned type,
                                               unsigned* mhz) noexcept {
  return give_clock(device, type, mhz, max_clock_mhz);
}
NVML_EXPORT nvmlDeviceGetApplicationsClock(nvmlDevice_t device, unsigned type,
                                           unsigned* mhz) noexcept {
  return give_clock(device, type, mhz, max_clock_mhz);
}
NVML_EXPORT nvmlDeviceGetDefaultApplicationsClock(nvmlDevice_t device, unsigned type,
                                                  unsigned* mhz) noexcept {
  return give_clock(device, type, mhz, max_clock_mhz);
}
NVML_EXPORT nvmlDeviceGetClock(nvmlDevice_t device, unsigned type, unsigned id,
                               unsigned* mhz) noexcept {
  return with_gpu(device, [&](const View& view) -> nvmlReturn_t {
    if (mhz == nullptr || type >= view.model.clocks.size()) return kInvalidArgument;
    if (id > kClockCustomerBoostMax) return kInvalidArgument;
    *mhz = id == 0 ? clock_mhz(view, type) : max_clock_mhz(view, type);
    return kSuccess;
  });
}

NVML_EXPORT nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t device,
                                                   unsigned long long* reasons) noexcept {
  return give(device, reasons, [](const View& view) { return idle(view) ? kReasonIdle : 0ULL; });
}
NVML_EXPORT nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device,
                                                      unsigned long long* reasons) noexcept {
  return nvmlDeviceGetCurrentClocksEventReasons(device, reasons);
}
NVML_EXPORT nvmlDeviceGetSupportedClocksEventReasons(nvmlDevice_t device,
                                                     unsigned long long* reasons) noexcept {
  return give(device, reasons, [](const View&) { return kReasonIdle; });
}
NVML_EXPORT nvmlDeviceGetSupportedClocksThrottleReasons(nvmlDevice_t device,
                                                        unsigned long long* reasons) noexcept {
  return nvmlDeviceGetSupportedClocksEventReasons(device, reasons);
}

NVML_EXPORT nvmlDeviceGetPersistenceMode(nvmlDevice_t device, unsigned* on) noexcept {
  return give(device, on, [](const View& view) { return view.model.datacenter ? 1 : 0; });
}
NVML_EXPORT nvmlDeviceGetComputeMode(nvmlDevice_t device, unsigned* mode) noexcept {
  return give(device, mode, [](const View&) { return 0; });
}
NVML_EXPORT nvmlDeviceGetDisplayMode(nvmlDevice_t device, unsigned* on) noexcept {
  return give(device, on, [](const View&) { return 0; });
}
NVML_EXPORT nvmlDeviceGetDisplayActive(nvmlDevice_t device, unsigned* on) noexcept {
  return give(device, on, [](const View&) { return 0; });
}
NVML_EXPORT nvmlDeviceGetAccountingMode(nvmlDevice_t device, unsigned* on) noexcept {
  return give(device, on, [](const View&) { return 0; });
}
NVML_EXPORT nvmlDeviceGetVirtualizationMode(nvmlDevice_t device, unsigned* mode) noexcept {
  return give(device, mode, [](const View&) { return 0; });
}
NVML_EXPORT nvmlDeviceGetPcieThroughput(nvmlDevice_t device, unsigned counter,
                                        unsigned* kib_per_s) noexcept {
  return with_gpu(device, [&](const View& view) -> nvmlReturn_t {
    if (kib_per_s == nullptr || counter > 1) return kInvalidArgument;
    *kib_per_s = view.load.gpu_util * 1024;
    return kSuccess;
  });
}

NVML_EXPORT nvmlDeviceGetEccMode(nvmlDevice_t device, unsigned* current,
                                 unsigned* pending) noexcept {
  return with_gpu(device, [&](const View& view) -> nvmlReturn_t {
    if (current == nullptr || pending == nullptr) return kInvalidArgument;
    *current = *pending = view.model.ecc ? 1 : 0;
    return kSuccess;
  });
}
NVML_EXPORT nvmlDeviceGetTotalEccErrors(nvmlDevice_t device, unsigned type, unsigned counter,
                                        unsigned long long* errors) noexcept {
  return with_gpu(device, [&](const View& view) -> nvmlReturn_t {
    if (errors == nullptr || type > 1 || counter > 1) return kInvalidArgument;
    if (!view.model.ecc) return kNotSupported;
    *errors = 0;
    return kSuccess;
  });
}

NVML_EXPORT nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned* current,
                                 unsigned* pending) noexcept {
  return with_gpu(device, [&](const View& view) -> nvmlReturn_t {
    if (current == nullptr || pending == nullptr) return kInvalidArgument;
    if (!view.model.mig) return kNotSupported;
    *current = *pending = view.load.quirks.mig ? 1 : 0;
    return kSuccess;
  });
}
NVML_EXPORT nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned* count) noexcept {
  return give(device, count, [](const View& view) { return view.model.mig ? 7 : 0; });
}
NVML_EXPORT nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned /*index*/,
                                                nvmlDevice_t* instance) noexcept {
  return with_gpu(device, [&](const View& view) -> nvmlReturn_t {
    if (instance == nullptr) return kInvalidArgument;
    return view.model.mig ? kNotFound : kNotSupported;
  });
}
NVML_EXPORT nvmlDeviceIsMigDeviceHandle(nvmlDevice_t device, unsigned* is_instance) noexcept {
  return give(device, is_instance, [](const View&) { return 0; });
}

NVML_EXPORT nvmlDeviceGetFieldValues(nvmlDevice_t device, int count,
                                     nvmlFieldValue_t* values) noexcept {
  return with_gpu(device, [&](const View& view) -> nvmlReturn_t {
    if (values == nullptr || count <= 0) return kInvalidArgument;
    for (int i = 0; i < count; ++i) {
      auto& value = values[i];
      value.timestamp = 0;
      value.latencyUsec = 0;
      value.valueType = kValueUnsigned;
      value.value.ullVal = 0;
      unsigned number = 0;
      value.nvmlReturn = field_value(view, value.fieldId, number);
      value.value.uiVal = number;
    }
    return kSuccess;
  });
}
