// A GPU as the inventory sees it and as the ledger keeps it. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "model/ids.hpp"
#include "model/shared_list.hpp"
#include "model/units.hpp"

namespace gpuhub::model {

inline constexpr int slots_max = 64;     // per GPU
inline constexpr std::size_t gpus_max = 16'384;  // per inventory

// Where a listed or simulated GPU comes from on the host: what the `devices` driver injects.
struct DeviceNode {
  std::string host_path;       // absolute
  std::string container_path;  // absolute
  bool operator==(const DeviceNode&) const = default;
};
struct BindMount {
  std::string host_path;
  std::string container_path;
  bool read_only = true;
  bool operator==(const BindMount&) const = default;
};

// What an inventory tells of one GPU.
struct GpuInfo {
  GpuId id;
  std::string model;           // "NVIDIA A100-SXM4-40GB"; valid UTF-8, at most 128 bytes
  Mebibytes memory;
  std::optional<int> minor;    // N of /dev/nvidiaN, where there is one
  std::string pci_bus;         // "00000000:07:00.0" or empty
  SharedList<DeviceNode> devices;
  SharedList<BindMount> mounts;
  std::optional<int> slots;    // where the source names it (listed); else config decides
  bool operator==(const GpuInfo&) const = default;
};

enum class FaultKind : std::uint8_t {
  xid,      // its driver raised a critical XID error that is not the application's own
  lost,     // it is counted but cannot be reached: it has fallen off the bus
  vanished  // no inventory has it any more
};
struct GpuFault {
  FaultKind kind = FaultKind::xid;
  std::optional<int> xid;      // of kind xid, where the driver told a number that can be
  std::string detail;          // for people; at most 200 bytes of valid UTF-8
  bool operator==(const GpuFault&) const = default;
};
// Out of service because of a fault. Back by itself at `clears_at`; nullopt: not while it is away.
struct FaultState {
  GpuFault fault;
  WallTime since;              // of the first one
  std::optional<Instant> clears_at;
  bool operator==(const FaultState&) const = default;
};

struct GpuLoad {               // measured now; nullopt fields: the driver cannot tell
  std::optional<int> gpu_util_percent;
  std::optional<int> memory_util_percent;
  std::optional<Mebibytes> memory_used;
};

// A GPU in the ledger. `index` is its position in the inventory: shown, and accepted in requests
// (turned into the id at once), never stored in a lease as identity.
struct Gpu {
  GpuInfo info;
  int index = 0;
  int slots = 1;               // 1..slots_max
  std::string label;           // the admin's own words
  bool present = true;         // false: in the books (held, or faulty) but not in the inventory
  bool drained = false;        // an admin wants no new leases here
  std::optional<FaultState> fault;
  bool in_service() const { return present && !drained && !fault; }
  // Is it one of this machine's GPUs, also while it is away?
  bool counts() const { return present || fault; }
  bool operator==(const Gpu&) const = default;
};

}  // namespace gpuhub::model
