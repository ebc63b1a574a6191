// What changes in the books, as whole records by key: the ledger's events and the store's rows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/lease.hpp"

namespace gpuhub::model {

// What an admin set for one GPU by PATCH (or PUT): wins over the config's defaults.
struct GpuSetting {
  GpuId gpu;
  std::optional<int> slots;
  std::optional<std::string> label;
  std::optional<bool> drained;
};
// The inventory given by PUT /v1/gpus (listed source): replaced as a whole.
struct ListedInventory { std::vector<GpuInfo> gpus; };
// An ended lease that fell out of the history.
struct LeaseForgotten { LeaseId lease; };
struct ConflictEnded { ContainerId container; };
struct GpuFaulty {
  GpuId gpu;
  FaultState state;
};
struct FaultCleared { GpuId gpu; };

using Record = std::variant<Lease, LeaseForgotten, GpuSetting, ListedInventory,
                            Conflict, ConflictEnded, GpuFaulty, FaultCleared>;

// One transaction. `next_serial` and `at` are stored with it.
struct Batch {
  std::vector<Record> records;
  std::uint64_t next_serial = 1;  // of the next lease's id
  Instant at;              // the ledger's time at commit
};

// Everything the books hold; what the ledger starts from.
struct Contents {
  Epoch epoch;             // drawn when the store was made
  bool fresh = false;             // made by this very open
  std::uint64_t next_serial = 1;
  Instant at;
  std::vector<Lease> leases;        // in the order of asking
  std::vector<GpuSetting> gpu_settings;
  std::optional<ListedInventory> listed;
  std::vector<Conflict> conflicts;
  std::vector<GpuFaulty> faults;
};

}  // namespace gpuhub::model
