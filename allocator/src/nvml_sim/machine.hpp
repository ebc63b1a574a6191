// The simulated machine and its load as files: machine.json (what GPUs there are) and load.json
// (what they are doing). Read strictly: the files come from outside, a wrong one is an error text
// that names the key, never a crash. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nvml_sim/models.hpp"

namespace gpuhub::nvml_sim {

inline constexpr std::size_t kMaxGpus = 64;
inline constexpr std::size_t kMaxProcesses = 1024;         // per GPU
inline constexpr std::size_t kMaxFileBytes = 1U << 20U;  // of either file

struct PciAddress {
  unsigned domain = 0;
  unsigned bus = 0;
  unsigned device = 0;
};

struct Gpu {
  std::string uuid;  // "GPU-" and 36 characters
  const Model* model = nullptr;
  unsigned minor = 0;  // its node is /dev/nvidia<minor>
  PciAddress pci;
};

struct Machine {
  std::string driver_version;
  int cuda_version = 0;  // 1000 * major + 10 * minor, as the driver says it
  unsigned major = 0;    // of the device nodes
  int init_code = 0;     // not 0: what every nvmlInit fails with; who is initialised goes on
  std::vector<Gpu> gpus;  // by minor; uuids, minors and addresses are distinct
};

enum class ProcessKind { compute, graphics, mps };

struct Process {
  unsigned pid = 0;
  std::uint64_t memory_mib = 0;
  unsigned gpu_util = 0;  // percent
  ProcessKind kind = ProcessKind::compute;
};

// How the library answers about a GPU's load, beside telling it.
struct Quirks {
  bool mig = false;              // split into instances: no utilisation is told
  bool hangs = false;            // calls about utilisation and processes return when this ends
  bool lies = false;             // they tell what cannot be
  bool no_rates = false;         // not supported: utilisation of the GPU
  bool no_processes = false;     //   the lists of processes
  bool no_process_util = false;  //   utilisation of each process
  bool operator==(const Quirks&) const = default;
};

struct Load {
  unsigned gpu_util = 0;  // percent, as all four
  unsigned mem_util = 0;
  unsigned encoder_util = 0;
  unsigned decoder_util = 0;
  std::uint64_t memory_used_mib = 0;
  bool lost = false;  // the GPU has fallen off the bus: every call about it says so
  bool unplugged = false;  // not in the machine: lost to who is initialised, absent after an init
  unsigned plugged = 0;    // how often it was put back: handles from before stay lost
  std::vector<Process> processes{};
  Quirks quirks{};
};

using Loads = std::map<std::string, Load, std::less<>>;  // by uuid; absent: idle

// The quirks of these names, as the members are called.
[[nodiscard]] std::expected<Quirks, std::string> parse_quirks(std::span<const std::string> names);
[[nodiscard]] std::vector<std::string_view> quirk_names(const Quirks& quirks);

// "GPU-" and a UUID in small letters.
[[nodiscard]] bool is_gpu_uuid(std::string_view text);

[[nodiscard]] std::expected<Machine, std::string> parse_machine(std::string_view json);
[[nodiscard]] std::expected<Loads, std::string> parse_loads(std::string_view json);

// The text that parses to the same value; ends with a newline.
[[nodiscard]] std::string to_json(const Machine& machine);
[[nodiscard]] std::string to_json(const Loads& loads);

// "00000000:07:00.0", as NVML prints it; the domain with 4 digits if `legacy`.
[[nodiscard]] std::string to_string(const PciAddress& address, bool legacy = false);
// Accepts 4 or 8 digits of domain, or none, in either case. Function must be 0.
[[nodiscard]] std::expected<PciAddress, std::string> parse_pci(std::string_view text);

}  // namespace gpuhub::nvml_sim
