// Reads one GPU through NVML and believes only what can be. No state.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "inventory/nvml_library.hpp"
#include "model/gpu.hpp"

namespace gpuhub::inventory {

// Why a GPU that is counted could not be read.
struct Unread {
  std::string message;
  bool unreachable = false;          // there, but it does not answer; else: what it says cannot be
  std::optional<model::GpuId> id{};  // where it still told its UUID
};
[[nodiscard]] Unread unread(const NvmlError& error, std::optional<model::GpuId> id = {});

// `sim_folder`: as in NvmlOptions.
[[nodiscard]] std::expected<model::GpuInfo, Unread> read_gpu(const NvmlLibrary& library,
                                                             NvmlLibrary::Device device,
                                                             const std::string& sim_folder);

// nullopt for a reading that cannot be.
[[nodiscard]] std::optional<model::Mebibytes> used_memory(const NvmlMemory& memory);

}  // namespace gpuhub::inventory
