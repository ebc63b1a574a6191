#include "nvml_sim/models.hpp"

#include <algorithm>

namespace gpuhub::nvml_sim {
namespace {

constexpr unsigned kBrandGeforce = 5;
constexpr unsigned kBrandNvidia = 14;
constexpr unsigned kAmpere = 7;
constexpr unsigned kAda = 8;
constexpr unsigned kHopper = 9;

constexpr std::array kModels{
    Model{
        .key = "A100-40G",
        .name = "NVIDIA A100-SXM4-40GB",
        .memory_mib = 40960,
        .reserved_mib = 613,
        .bar1_mib = 65536,
        .memory_bus_bits = 5120,
        .brand = kBrandNvidia,
        .architecture = kAmpere,
        .compute_major = 8,
        .compute_minor = 0,
        .cores = 6912,
        .pci_device_id = 0x20B010DE,
        .pci_subsystem_id = 0x144E10DE,
        .pcie_generation = 4,
        .pcie_width = 16,
        .clocks = {{{210, 1410}, {210, 1410}, {1215, 1215}, {585, 1290}}},
        .power_idle_mw = 52000,
        .power_min_mw = 100000,
        .power_default_mw = 400000,
        .power_max_mw = 400000,
        .temperature_idle_c = 31,
        .temperature_busy_c = 68,
        .temperature_limits_c = {92, 89, 95, 85},
        .fans = 0,
        .ecc = true,
        .mig = true,
        .datacenter = true,
        .vbios = "92.00.45.00.03",
    },
    Model{
        .key = "H100-80G",
        .name = "NVIDIA H100 80GB HBM3",
        .memory_mib = 81559,
        .reserved_mib = 551,
        .bar1_mib = 131072,
        .memory_bus_bits = 5120,
        .brand = kBrandNvidia,
        .architecture = kHopper,
        .compute_major = 9,
        .compute_minor = 0,
        .cores = 16896,
        .pci_device_id = 0x233010DE,
        .pci_subsystem_id = 0x16C110DE,
        .pcie_generation = 5,
        .pcie_width = 16,
        .clocks = {{{345, 1980}, {345, 1980}, {2619, 2619}, {765, 1545}}},
        .power_idle_mw = 70000,
        .power_min_mw = 200000,
        .power_default_mw = 700000,
        .power_max_mw = 700000,
        .temperature_idle_c = 29,
        .temperature_busy_c = 66,
        .temperature_limits_c = {92, 89, 95, 87},
        .fans = 0,
        .ecc = true,
        .mig = true,
        .datacenter = true,
        .vbios = "96.00.74.00.01",
    },
    Model{
        .key = "RTX-4090",
        .name = "NVIDIA GeForce RTX 4090",
        .memory_mib = 24564,
        .reserved_mib = 347,
        .bar1_mib = 32768,
        .memory_bus_bits = 384,
        .brand = kBrandGeforce,
        .architecture = kAda,
        .compute_major = 8,
        .compute_minor = 9,
        .cores = 16384,
        .pci_device_id = 0x268410DE,
        .pci_subsystem_id = 0x165B10DE,
        .pcie_generation = 4,
        .pcie_width = 16,
        .clocks = {{{210, 3105}, {210, 3105}, {405, 10501}, {1185, 2415}}},
        .power_idle_mw = 18000,
        .power_min_mw = 150000,
        .power_default_mw = 450000,
        .power_max_mw = 600000,
        .temperature_idle_c = 34,
        .temperature_busy_c = 72,
        .temperature_limits_c = {100, 97, 105, 90},
        .fans = 2,
        .ecc = false,
        .mig = false,
        .datacenter = false,
        .vbios = "95.02.18.80.5F",
    },
};

}  // namespace

std::span<const Model> models() { return kModels; }

const Model* find_model(std::string_view key) {
  const auto* found = std::ranges::find(kModels, key, &Model::key);
  return found == kModels.end() ? nullptr : &*found;
}

}  // namespace gpuhub::nvml_sim
