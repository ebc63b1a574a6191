// What an inventory says, as one line of text.
#pragma once

#include <format>
#include <string>

#include "inventory/inventory.hpp"

namespace gpuhub::inventory {

// "GPU-a | GPU-b", or the error.
inline std::string show_gpus(Inventory& inventory) {
  const auto gpus = inventory.gpus();
  if (!gpus) return gpus.error().message;
  std::string line;
  for (const auto& gpu : *gpus) line += (line.empty() ? "" : " | ") + std::string{gpu.id.str()};
  return line;
}

// "GPU-a xid 79 | GPU-b lost | GPU-a xid ?", or the error.
inline std::string show_faults(Inventory& inventory, std::chrono::milliseconds wait = {}) {
  const auto faults = inventory.faults(wait);
  if (!faults) return faults.error().message;
  std::string line;
  for (const auto& [gpu, fault] : *faults) {
    line += (line.empty() ? "" : " | ") + std::string{gpu.str()};
    if (fault.kind == model::FaultKind::lost) line += " lost";
    if (fault.kind == model::FaultKind::vanished) line += " vanished";
    if (fault.kind == model::FaultKind::xid) {
      line += fault.xid ? std::format(" xid {}", *fault.xid) : " xid ?";
    }
  }
  return line;
}

// The same, of the next faults that there are; "" if none come within a minute.
inline std::string show_next_faults(Inventory& inventory) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  std::string line;
  while (line.empty() && std::chrono::steady_clock::now() < deadline) {
    line = show_faults(inventory, std::chrono::seconds(1));
  }
  return line;
}

}  // namespace gpuhub::inventory
