// GPU models as data: adding a model is adding a row in models.cpp. Immutable, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace gpuhub::nvml_sim {

// Clocks of one domain in MHz: when idle and at most.
struct ClockRange {
  unsigned idle_mhz;
  unsigned max_mhz;
};

struct Model {
  std::string_view key;   // as in machine.json: "A100-40G"
  std::string_view name;  // as nvmlDeviceGetName gives it
  std::uint64_t memory_mib;
  std::uint64_t reserved_mib;  // what the driver keeps for itself
  std::uint64_t bar1_mib;
  unsigned memory_bus_bits;
  unsigned brand;         // nvmlBrandType_t
  unsigned architecture;  // nvmlDeviceArchitecture_t
  int compute_major;
  int compute_minor;
  unsigned cores;
  unsigned pci_device_id;     // device << 16 | vendor
  unsigned pci_subsystem_id;
  unsigned pcie_generation;
  unsigned pcie_width;
  std::array<ClockRange, 4> clocks;  // graphics, SM, memory, video
  unsigned power_idle_mw;
  unsigned power_min_mw;
  unsigned power_default_mw;
  unsigned power_max_mw;
  unsigned temperature_idle_c;
  unsigned temperature_busy_c;                 // at 100 % utilisation
  std::array<unsigned, 4> temperature_limits_c;  // shutdown, slowdown, memory, GPU
  unsigned fans;
  bool ecc;         // on; off means that the model has it but it is disabled
  bool mig;         // can be sliced; no slices are simulated
  bool datacenter;  // has a serial number and a memory thermometer, keeps persistence mode on
  std::string_view vbios;
};

// Every model that is known, in the order in which they are listed to people.
[[nodiscard]] std::span<const Model> models();

// The model with this key, or null.
[[nodiscard]] const Model* find_model(std::string_view key);

}  // namespace gpuhub::nvml_sim
