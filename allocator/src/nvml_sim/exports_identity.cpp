// NVML's calls about what a GPU is: name, identifiers, place on the bus, architecture.
#include <algorithm>
#include <format>

#include "nvml_sim/exports.hpp"

using namespace gpuhub::nvml_sim;

namespace {

constexpr unsigned kBusTypePcie = 2;

// Serial numbers and board ids are made from the place in the machine: stable and distinct.
std::string serial_of(const View& view) { return std::format("13205{:08}", view.gpu.minor); }

unsigned board_of(const View& view) { return view.gpu.pci.bus << 8U; }

void fill_pci(const View& view, nvmlPciInfo_t& out) {
  out.domain = view.gpu.pci.domain;
  out.bus = view.gpu.pci.bus;
  out.device = view.gpu.pci.device;
  out.pciDeviceId = view.model.pci_device_id;
  out.pciSubSystemId = view.model.pci_subsystem_id;
  (void)give_text(to_string(view.gpu.pci, true).substr(0, 15), out.busIdLegacy, 16);
}

}  // namespace

NVML_EXPORT nvmlDeviceGetName(nvmlDevice_t device, char* name, unsigned length) noexcept {
  return with_gpu(device, [&](const View& view) {
    return give_text(view.model.name, name, length);
  });
}

NVML_EXPORT nvmlDeviceGetUUID(nvmlDevice_t device, char* uuid, unsigned length) noexcept {
  return with_gpu(device,
                  [&](const View& view) { return give_text(view.gpu.uuid, uuid, length); });
}

NVML_EXPORT nvmlDeviceGetSerial(nvmlDevice_t device, char* serial, unsigned length) noexcept {
  return with_gpu(device, [&](const View& view) -> nvmlReturn_t {
    if (!view.model.datacenter) return kNotSupported;
    return give_text(serial_of(view), serial, length);
  });
}

NVML_EXPORT nvmlDeviceGetHandleBySerial(const char* serial, nvmlDevice_t* device) noexcept {
  if (!engine().initialised()) return kUninitialized;
  if (serial == nullptr || device == nullptr) return kInvalidArgument;
  return search(
      [&](const View& view) { return view.model.datacenter && serial_of(view) == serial; }, device);
}

NVML_EXPORT nvmlDeviceGetVbiosVersion(nvmlDevice_t device, char* version,
                                      unsigned length) noexcept {
  return with_gpu(device, [&](const View& view) {
    return give_text(view.model.vbios, version, length);
  });
}

NVML_EXPORT nvmlDeviceGetIndex(nvmlDevice_t device, unsigned* index) noexcept {
  return give(device, index, [](const View& view) { return view.index; });
}

NVML_EXPORT nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned* minor) noexcept {
  return give(device, minor, [](const View& view) { return view.gpu.minor; });
}

NVML_EXPORT nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t* pci) noexcept {
  return with_gpu(device, [&](const View& view) -> nvmlReturn_t {
    if (pci == nullptr) return kInvalidArgument;
    fill_pci(view, *pci);
    return give_text(to_string(view.gpu.pci), pci->busId, sizeof pci->busId);
  });
}
// The struct of older callers ends before busId: it must not be touched.
NVML_EXPORT nvmlDeviceGetPciInfo_v2(nvmlDevice_t device, nvmlPciInfo_t* pci) noexcept {
  return with_gpu(device, [&](const View& view) -> nvmlReturn_t {
    if (pci == nullptr) return kInvalidArgument;
    fill_pci(view, *pci);
    return kSuccess;
  });
}
NVML_EXPORT nvmlDeviceGetPciInfo(nvmlDevice_t device, nvmlPciInfo_t* pci) noexcept {
  return nvmlDeviceGetPciInfo_v2(device, pci);
}

NVML_EXPORT nvmlDeviceGetBrand(nvmlDevice_t device, unsigned* brand) noexcept {
  return give(device, brand, [](const View& view) { return view.model.brand; });
}

NVML_EXPORT nvmlDeviceGetArchitecture(nvmlDevice_t device, unsigned* architecture) noexcept {
  return give(device, architecture, [](const View& view) { return view.model.architecture; });
}

NVML_EXPORT nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int* major,
                                               int* minor) noexcept {
  return with_gpu(device, [&](const View& view) -> nvmlReturn_t {
    if (major == nullptr || minor == nullptr) return kInvalidArgument;
    *major = view.model.compute_major;
    *minor = view.model.compute_minor;
    return kSuccess;
  });
}

NVML_EXPORT nvmlDeviceGetNumGpuCores(nvmlDevice_t device, unsigned* cores) noexcept {
  return give(device, cores, [](const View& view) { return view.model.cores; });
}

NVML_EXPORT nvmlDeviceGetMemoryBusWidth(nvmlDevice_t device, unsigned* bits) noexcept {
  return give(device, bits, [](const View& view) { return view.model.memory_bus_bits; });
}

NVML_EXPORT nvmlDeviceGetBusType(nvmlDevice_t device, unsigned* type) noexcept {
  return give(device, type, [](const View&) { return kBusTypePcie; });
}

NVML_EXPORT nvmlDeviceGetBoardId(nvmlDevice_t device, unsigned* board) noexcept {
  return give(device, board, board_of);
}

NVML_EXPORT nvmlDeviceGetMultiGpuBoard(nvmlDevice_t device, unsigned* multi) noexcept {
  return give(device, multi, [](const View&) { return 0; });
}

NVML_EXPORT nvmlDeviceOnSameBoard(nvmlDevice_t one, nvmlDevice_t other, int* same) noexcept {
  return with_gpu(one, [&](const View& first) {
    return give(other, same,
                [&](const View& second) { return board_of(first) == board_of(second); });
  });
}

NVML_EXPORT nvmlDeviceGetCurrPcieLinkGeneration(nvmlDevice_t device, unsigned* number) noexcept {
  return give(device, number, [](const View& view) { return view.model.pcie_generation; });
}
NVML_EXPORT nvmlDeviceGetMaxPcieLinkGeneration(nvmlDevice_t device, unsigned* number) noexcept {
  return give(device, number, [](const View& view) { return view.model.pcie_generation; });
}
NVML_EXPORT nvmlDeviceGetGpuMaxPcieLinkGeneration(nvmlDevice_t device, unsigned* number) noexcept {
  return give(device, number, [](const View& view) { return view.model.pcie_generation; });
}
NVML_EXPORT nvmlDeviceGetCurrPcieLinkWidth(nvmlDevice_t device, unsigned* lanes) noexcept {
  return give(device, lanes, [](const View& view) { return view.model.pcie_width; });
}
NVML_EXPORT nvmlDeviceGetMaxPcieLinkWidth(nvmlDevice_t device, unsigned* lanes) noexcept {
  return give(device, lanes, [](const View& view) { return view.model.pcie_width; });
}
