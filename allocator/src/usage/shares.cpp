#include "usage/shares.hpp"

#include <algorithm>
#include <cstddef>

namespace gpuhub::usage {
namespace {

constexpr std::string_view why_unlisted =
    "the driver does not list processes: the whole GPU's load counts";
constexpr std::string_view why_untold =
    "the driver does not tell what each process does: the whole GPU's load counts";
constexpr std::string_view why_unexplained =
    "the GPU is busy and none of its processes says so: the whole GPU's load counts";
constexpr std::string_view why_strangers =
    "a process whose container nobody can tell is busy: its load counts for each lease here";
constexpr std::string_view why_mig =
    "the GPU is split (MIG): the driver tells no load of it";
constexpr std::string_view why_nothing = "the driver tells no load of this GPU";

// Of some of the processes.
struct Sum {
  std::vector<std::uint32_t> pids;
  std::optional<model::Mebibytes> memory;
  int sm_percent = 0;

  void add(const Process& process) {
    if (!std::ranges::contains(pids, process.pid)) pids.push_back(process.pid);
    if (process.memory) memory = {memory.value_or(model::Mebibytes{}).count +
                                  process.memory->count};
    sm_percent += process.sm_percent.value_or(0);
  }
  bool any() const { return !pids.empty(); }
  double util() const { return std::min(sm_percent, 100) / 100.0; }
};

struct Parted {
  std::vector<Sum> leases;
  Sum foreign, watching, strangers;  // strangers: they may be anybody's
  int sm_percent = 0;                // of all
};

Parted part(std::span<const Process> processes, std::span<const model::ContainerId> leases,
            const Watchers& watchers) {
  Parted out;
  out.leases.resize(leases.size());
  const auto owner = [&](const Process& process) -> Sum& {
    if (!process.known) return out.strangers;
    for (const auto& container : process.containers) {
      const auto lease = std::ranges::find(leases, container);
      if (lease != leases.end()) {
        return out.leases[static_cast<std::size_t>(lease - leases.begin())];
      }
      if (watchers.contains(container)) return out.watching;
    }
    return out.foreign;
  };
  for (const Process& process : processes) {
    owner(process).add(process);
    out.sm_percent += process.sm_percent.value_or(0);
  }
  return out;
}

// What one sample says, beside whose the processes are.
struct Told {
  std::optional<double> whole;  // what the GPU did
  bool each = false;            // what each process did is told, and explains it
  bool contradiction = false;   // it was told, and does not
  std::string_view nothing;     // why there is no `whole`
};

Share share_of(const Sum& own, const Parted& parted, const Told& told, bool sole) {
  Share out{.memory = own.memory, .pids = own.pids};
  const auto& strangers = parted.strangers;
  if (told.each) {
    out.util = std::min(1.0, own.util() + strangers.util());
    if (strangers.sm_percent > 0) {
      out.measured = Measured::gpu;
      out.why = why_strangers;
    }
    return out;
  }
  const bool nobody = std::ranges::none_of(parted.leases, &Sum::any) && !parted.foreign.any();
  if (!own.any() && !strangers.any() && !sole && !nobody) return out;  // others are there
  if (told.whole) {
    out.measured = Measured::gpu;
    out.why = told.contradiction ? why_unexplained : why_untold;
    out.util = *told.whole;
  } else if (own.any() || strangers.any()) {
    out.measured = Measured::none;
    out.why = told.nothing;
  }
  return out;
}

Foreign foreign_of(const Parted& parted, const Told& told) {
  Sum all = parted.foreign;
  for (const auto pid : parted.strangers.pids) all.pids.push_back(pid);
  Foreign out{.processes = static_cast<int>(all.pids.size()),
              .memory = {all.memory.value_or(model::Mebibytes{}).count +
                         parted.strangers.memory.value_or(model::Mebibytes{}).count},
              .util = {}};
  all.sm_percent += parted.strangers.sm_percent;
  if (told.each) {
    out.util = all.util();
  } else if (parted.leases.empty()) {
    out.util = told.whole;
  } else if (out.processes == 0) {
    out.util = 0;
  }
  return out;
}

}  // namespace

Shares share(const GpuSample& sample, std::span<const model::ContainerId> leases,
             const Watchers& watchers, int busy_percent) {
  Shares out;
  Told told{.whole = {}, .nothing = sample.mig ? why_mig : why_nothing};
  if (sample.util_percent) told.whole = *sample.util_percent / 100.0;
  if (!sample.processes) {
    Share each{.measured = told.whole ? Measured::gpu : Measured::none,
               .why = told.whole ? why_unlisted : told.nothing,
               .util = told.whole.value_or(0),
               .listed = false};
    out.leases.assign(leases.size(), each);
    return out;
  }
  const Parted parted = part(*sample.processes, leases, watchers);
  told.contradiction = sample.by_process && parted.sm_percent == 0 &&
                       sample.util_percent.value_or(0) >= busy_percent;
  told.each = sample.by_process && !told.contradiction;
  const bool sole = leases.size() == 1 && !parted.foreign.any();
  for (const Sum& own : parted.leases) out.leases.push_back(share_of(own, parted, told, sole));
  out.foreign = foreign_of(parted, told);
  out.processes = static_cast<int>(sample.processes->size());
  return out;
}

}  // namespace gpuhub::usage
