// What each lease and each GPU did lately: averages, when it was last busy, how long it has been
// idle. Fed with samples, asked at any time. Deterministic: time is an argument. One owner, not
// thread-safe. Never says that something is idle which was not measured without a gap.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "usage/averages.hpp"
#include "usage/shares.hpp"

namespace gpuhub::usage {

struct Settings {
  int busy_percent = 1;                    // from here on a GPU works
  model::Duration sample_every{2'000};
};

struct Held {  // a lease whose container may run, with the GPUs it holds
  model::LeaseId lease;
  model::ContainerId container;
  std::vector<model::GpuId> gpus;
};

struct Utilisation {  // 0 to 1, the mean over the lease's GPUs
  double now = 0;
  Rates average;
};

struct LeaseUsage {
  Measured measured = Measured::none;
  std::string why;                            // for an admin; empty if by process
  // All that follows is nullopt if measured is none.
  std::optional<model::Instant> since;        // measured without a gap from then on
  std::optional<bool> busy;                   // any of its GPUs, in the last sample
  std::optional<model::Instant> last_busy;    // nullopt: not since `since`
  std::optional<model::Duration> idle_for;    // 0 while busy
  std::optional<Utilisation> utilisation;
  std::optional<model::Mebibytes> memory;     // as far as the driver tells it
  std::optional<int> processes;
};

struct GpuUsage {  // nullopt: not known now
  std::optional<Rates> average;
  std::optional<int> processes;
  std::optional<Foreign> foreign;
};

class Books {
 public:
  explicit Books(Settings settings);

  // Notes what was measured at `at`; a sample that is not newer than the last one is left out.
  // Leases that are not named any more are forgotten.
  void take(const Sample& sample, std::span<const Held> leases, const Watchers& watchers,
            model::Instant at);

  [[nodiscard]] LeaseUsage of(const model::LeaseId& lease, model::Instant now) const;
  [[nodiscard]] GpuUsage of(const model::GpuId& gpu, model::Instant now) const;

  // From so long without a sample on nothing is known, and what comes after it begins anew.
  [[nodiscard]] model::Duration gap() const { return gap_; }

 private:
  struct Lease {
    Measured measured = Measured::none;
    std::string_view why;
    std::optional<model::Instant> since, last, last_busy;  // set or not with `measured`
    Averages averages;
    double util = 0;
    bool busy = false;
    std::optional<model::Mebibytes> memory;
    std::optional<int> processes;
  };
  struct Gpu {
    std::optional<model::Instant> last;
    bool rated = false;  // `averages` are of a load that is told
    Averages averages;
    std::optional<Foreign> foreign;
    std::optional<int> processes;
  };
  bool fresh(const std::optional<model::Instant>& last, model::Instant at) const;
  model::Duration step(const std::optional<model::Instant>& last, model::Instant at) const;
  void note(Gpu& gpu, const GpuSample& sample, const Shares& shares, model::Instant at) const;
  void note(Lease& lease, std::span<const Share> shares, model::Instant at) const;

  Settings settings_;
  model::Duration gap_;
  std::optional<model::Instant> last_;
  std::map<model::LeaseId, Lease> leases_;
  std::map<model::GpuId, Gpu> gpus_;
};

}  // namespace gpuhub::usage
