// Port: which GPUs exist on this host, and what they do. Adapters: NVML, listed; double for tests
// beside them.
// Called from one thread at a time. Calls may take as long as the driver takes: the daemon calls
// them off the loop's thread.
#pragma once

#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/gpu.hpp"
#include "model/gpu_activity.hpp"

namespace gpuhub::inventory {

enum class ErrorKind {
  unavailable,  // no library, no driver: what to do stands in `message`
  failed,       // the library answered with an error, or with something that cannot be believed
};
struct Error {
  ErrorKind kind;
  std::string message;  // for the admin: what was tried, the library's own words, the remedy
};

inline constexpr std::size_t faults_max = 256;  // in one answer; what is over it is counted only
using Faults = std::vector<std::pair<model::GpuId, model::GpuFault>>;

class Inventory {
 public:
  virtual ~Inventory() = default;
  // All GPUs, in the order people know (index order), at most model::gpus_max, ids distinct.
  virtual std::expected<std::vector<model::GpuInfo>, Error> gpus() = 0;
  // The load of one GPU now; nullopt fields where the source cannot tell. Error: unknown id or the
  // library failed.
  virtual std::expected<model::GpuLoad, Error> load(const model::GpuId& gpu) = 0;
  // What runs on one GPU now, and what each process did since the last call for this GPU. Error: as
  // load().
  virtual std::expected<model::GpuActivity, Error> activity(const model::GpuId& gpu) = 0;
  // What went wrong with GPUs since the last call: kinds xid and lost, of GPUs that gpus() has
  // shown (one that vanished is missing from gpus(), which is the reader's to see). A lost GPU is
  // told again, at most once for each look at it (gpus() or load()) while it stays lost. Without
  // news it waits for some, for `wait` at most; it may come back sooner, also empty: a source that
  // cannot be waited on comes back at once.
  virtual std::expected<Faults, Error> faults(std::chrono::milliseconds wait) = 0;
};

}  // namespace gpuhub::inventory
