// The GPUs that NVML has shown and how it stands with each: here, lost, or missing. What was read
// of one that is lost is kept. A plain value; knows no library, only the handles it gave.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "inventory/inventory.hpp"

namespace gpuhub::inventory {

class NvmlRoster {
 public:
  enum class State {
    here,
    lost,     // counted, not reachable
    missing,  // was there once, is not counted any more
  };
  struct Entry {
    model::GpuInfo info;
    unsigned index = 0;      // of NVML, as last seen
    void* device = nullptr;  // NVML's handle; null: none in this initialisation
    State state = State::here;
    std::string why{};       // lost: NVML's words
    bool untold = false;     // lost, and seen to be since the last fault was told
    bool seen = false;       // in the list that is being read
  };

  // A new list: begin, then here() and lost() for each GPU that is counted, then end: the others
  // are missing.
  void begin();
  void here(model::GpuInfo info, unsigned index, void* device);
  void lost(const model::GpuId& gpu, unsigned index, std::string why);
  void end();

  // Seen to be lost between two lists, or still. No effect on a GPU that is missing or unknown.
  void found_lost(const model::GpuId& gpu, std::string why);
  // NVML ended: its handles are void.
  void forget_handles();

  // Null: never shown. Good until the next change.
  [[nodiscard]] const Entry* find(const model::GpuId& gpu) const;
  [[nodiscard]] const Entry* by_device(const void* device) const;  // null device: never found
  [[nodiscard]] std::span<const Entry> entries() const { return entries_; }
  // Those that are counted, in NVML's order.
  [[nodiscard]] std::vector<model::GpuInfo> counted() const;
  [[nodiscard]] std::vector<void*> devices_here() const;
  // More than one is counted and all are lost: that is no card's fault.
  [[nodiscard]] bool all_lost() const;
  // One is lost or missing: NVML should be begun anew now and then.
  [[nodiscard]] bool troubled() const;

  // One fault for each GPU that was seen to be lost since the last call. None while all_lost().
  [[nodiscard]] Faults take_lost();

 private:
  Entry* entry(const model::GpuId& gpu);

  std::vector<Entry> entries_;  // counted ones first, by index
};

}  // namespace gpuhub::inventory
