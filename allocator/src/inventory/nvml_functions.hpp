// The functions that are found in NVML. Private to nvml_library.cpp and nvml_processes.cpp.
#pragma once

#include <dlfcn.h>

#include <string>
#include <type_traits>

#include "inventory/nvml_abi.hpp"
#include "inventory/nvml_library.hpp"

namespace gpuhub::inventory {

using namespace abi;


// Null: an optional function that this version of the library does not have.
struct NvmlLibrary::Functions {
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  int (*count)(unsigned*) = nullptr;
  int (*by_index)(unsigned, void**) = nullptr;
  int (*by_uuid)(const char*, void**) = nullptr;
  int (*uuid)(void*, char*, unsigned) = nullptr;
  int (*name)(void*, char*, unsigned) = nullptr;
  int (*memory)(void*, Memory*) = nullptr;
  const char* (*error_string)(int) = nullptr;
  int (*memory_v2)(void*, MemoryV2*) = nullptr;
  int (*minor)(void*, unsigned*) = nullptr;
  int (*pci)(void*, Pci*) = nullptr;
  int (*utilization)(void*, Utilization*) = nullptr;
  int (*by_pci)(const char*, void**) = nullptr;
  int (*event_set_create)(void**) = nullptr;
  int (*event_set_free)(void*) = nullptr;
  int (*event_set_wait)(void*, EventData*, unsigned) = nullptr;
  int (*supported_events)(void*, unsigned long long*) = nullptr;
  int (*register_events)(void*, unsigned long long, void*) = nullptr;
  struct ProcessList {
    ListProcesses call = nullptr;  // null: this library has none
    bool first = false;            // the first version, with its smaller struct
  };
  ProcessList compute_processes{}, graphics_processes{}, mps_processes{};
  int (*process_utilization)(void*, ProcessSample*, unsigned*, unsigned long long) = nullptr;
  int (*mig_mode)(void*, unsigned*, unsigned*) = nullptr;

  // The name of the first required function that is missing; empty: all are there.
  std::string look_up(void* library) {
    std::string missing;
    const auto find = [&](const char* symbol, auto& into, bool required) {
      into = reinterpret_cast<std::remove_reference_t<decltype(into)>>(::dlsym(library, symbol));
      if (into == nullptr && required && missing.empty()) missing = symbol;
    };
    find("nvmlInit_v2", init, true);
    find("nvmlShutdown", shutdown, true);
    find("nvmlDeviceGetCount_v2", count, true);
    find("nvmlDeviceGetHandleByIndex_v2", by_index, true);
    find("nvmlDeviceGetHandleByUUID", by_uuid, true);
    find("nvmlDeviceGetUUID", uuid, true);
    find("nvmlDeviceGetName", name, true);
    find("nvmlDeviceGetMemoryInfo", memory, true);
    find("nvmlErrorString", error_string, false);
    find("nvmlDeviceGetMemoryInfo_v2", memory_v2, false);
    find("nvmlDeviceGetMinorNumber", minor, false);
    find("nvmlDeviceGetPciInfo_v3", pci, false);
    find("nvmlDeviceGetUtilizationRates", utilization, false);
    find("nvmlDeviceGetHandleByPciBusId_v2", by_pci, false);
    find("nvmlEventSetCreate", event_set_create, false);
    find("nvmlEventSetFree", event_set_free, false);
    find("nvmlEventSetWait_v2", event_set_wait, false);
    if (event_set_wait == nullptr) find("nvmlEventSetWait", event_set_wait, false);
    find("nvmlDeviceGetSupportedEventTypes", supported_events, false);
    find("nvmlDeviceRegisterEvents", register_events, false);
    find_processes(compute_processes, "nvmlDeviceGetComputeRunningProcesses", find);
    find_processes(graphics_processes, "nvmlDeviceGetGraphicsRunningProcesses", find);
    find_processes(mps_processes, "nvmlDeviceGetMPSComputeRunningProcesses", find);
    find("nvmlDeviceGetProcessUtilization", process_utilization, false);
    find("nvmlDeviceGetMigMode", mig_mode, false);
    return missing;
  }
  static void find_processes(ProcessList& into, const std::string& name, const auto& find) {
    for (const auto* version : {"_v3", "_v2", ""}) {
      find((name + version).c_str(), into.call, false);
      into.first = *version == '\0';
      if (into.call != nullptr) return;
    }
  }
  bool has_events() const {
    return event_set_create != nullptr && event_set_free != nullptr && event_set_wait != nullptr &&
           supported_events != nullptr && register_events != nullptr;
  }
};

}  // namespace gpuhub::inventory
