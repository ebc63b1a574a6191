#include "usage/books.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <utility>

namespace gpuhub::usage {
namespace {

constexpr model::Duration gap_least{10'000};
constexpr int gap_samples = 3;
constexpr std::string_view why_not_yet = "not measured yet";

// The share of each lease on each of its GPUs that was measured.
using SharesByLease = std::map<model::LeaseId, std::vector<Share>>;

}  // namespace

Books::Books(Settings settings)
    : settings_(settings), gap_(std::max(gap_samples * settings.sample_every, gap_least)) {}

bool Books::fresh(const std::optional<model::Instant>& last, model::Instant at) const {
  return last && at - *last <= gap_;
}

model::Duration Books::step(const std::optional<model::Instant>& last, model::Instant at) const {
  return last ? at - *last : settings_.sample_every;
}

void Books::take(const Sample& sample, std::span<const Held> leases, const Watchers& watchers,
                 model::Instant at) {
  if (last_ && at <= *last_) return;
  last_ = at;
  SharesByLease measured;
  for (const GpuSample& one : sample) {
    std::vector<model::ContainerId> containers;
    std::vector<const Held*> holders;
    for (const Held& held : leases) {
      if (!std::ranges::contains(held.gpus, one.gpu)) continue;
      containers.push_back(held.container);
      holders.push_back(&held);
    }
    const Shares shares = share(one, containers, watchers, settings_.busy_percent);
    note(gpus_[one.gpu], one, shares, at);
    for (std::size_t i = 0; i < holders.size(); ++i) {
      measured[holders[i]->lease].push_back(shares.leases[i]);
    }
  }
  std::map<model::LeaseId, Lease> now;
  for (const Held& held : leases) {
    if (held.gpus.empty()) continue;
    const auto known = leases_.find(held.lease);
    auto& lease = now[held.lease];
    if (known != leases_.end()) lease = std::move(known->second);
    const auto& shares = measured[held.lease];
    if (shares.size() == held.gpus.size()) note(lease, shares, at);
  }
  leases_ = std::move(now);
  std::erase_if(gpus_, [&](const auto& entry) { return !fresh(entry.second.last, at); });
}

void Books::note(Gpu& gpu, const GpuSample& sample, const Shares& shares,
                 model::Instant at) const {
  if (gpu.last && (!fresh(gpu.last, at) || !gpu.rated)) gpu = {};
  gpu.rated = sample.util_percent.has_value();
  if (gpu.rated) gpu.averages.add(*sample.util_percent / 100.0, step(gpu.last, at));
  gpu.last = at;
  gpu.foreign = shares.foreign;
  gpu.processes = shares.processes;
}

// One GPU on which nothing can be told makes the whole lease unknown, and what comes after it
// begins anew.
void Books::note(Lease& lease, std::span<const Share> shares, model::Instant at) const {
  const auto worst = std::ranges::max_element(shares, {}, &Share::measured);
  if (worst->measured == Measured::none) {
    lease = {};
    lease.why = worst->why;
    return;
  }
  if (!fresh(lease.last, at)) {
    lease = {};
    lease.since = at;
  }
  lease.measured = worst->measured;
  lease.why = worst->why;
  lease.util = 0;
  lease.busy = false;
  lease.memory.reset();
  std::set<std::uint32_t> pids;
  for (const Share& one : shares) {
    lease.util += one.util / static_cast<double>(shares.size());
    lease.busy = lease.busy || std::lround(one.util * 100) >= settings_.busy_percent;
    if (one.memory) {
      lease.memory = {lease.memory.value_or(model::Mebibytes{}).count + one.memory->count};
    }
    pids.insert(one.pids.begin(), one.pids.end());
  }
  const bool listed = std::ranges::all_of(shares, &Share::listed);
  lease.processes = listed ? std::optional{static_cast<int>(pids.size())} : std::nullopt;
  if (lease.processes == 0) lease.memory = model::Mebibytes{};
  lease.averages.add(lease.util, step(lease.last, at));
  lease.last = at;
  if (lease.busy) lease.last_busy = at;
}

LeaseUsage Books::of(const model::LeaseId& id, model::Instant now) const {
  LeaseUsage out;
  const auto found = leases_.find(id);
  if (found == leases_.end()) {
    out.why = why_not_yet;
    return out;
  }
  const Lease& lease = found->second;
  if (!lease.last) {
    out.why = lease.why.empty() ? why_not_yet : lease.why;
    return out;
  }
  if (!fresh(lease.last, now)) {
    out.why = std::format("not all of its GPUs could be measured for {} s",
                          (now - *lease.last).count() / 1000);
    return out;
  }
  out.measured = lease.measured;
  out.why = lease.why;
  out.since = lease.since;
  out.busy = lease.busy;
  out.last_busy = lease.last_busy;
  out.idle_for = lease.busy ? model::Duration{0}
                            : now - std::max(lease.last_busy, lease.since).value();
  out.utilisation = Utilisation{.now = lease.util, .average = lease.averages.rates()};
  out.processes = lease.processes;
  out.memory = lease.memory;
  return out;
}

GpuUsage Books::of(const model::GpuId& id, model::Instant now) const {
  const auto found = gpus_.find(id);
  if (found == gpus_.end() || !fresh(found->second.last, now)) return {};
  const Gpu& gpu = found->second;
  return {.average = gpu.rated ? std::optional{gpu.averages.rates()} : std::nullopt,
          .processes = gpu.processes,
          .foreign = gpu.foreign};
}

}  // namespace gpuhub::usage
