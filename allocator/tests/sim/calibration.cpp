// calibration [--seed N]: how good the estimates of waits are. A lab of some GPUs, people who come
// at random and stay as people do (most for an hour or so, some for a day), on the production
// ledger. For each request that waited, the estimate that it was told when it asked is compared
// with what happened. Of ten waits eight should end between `early` and `late`.
// Exit status: 0 the share is within the bounds below, 1 it is not.
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <format>
#include <map>
#include <optional>
#include <queue>
#include <vector>

#include "chance.hpp"
#include "ledger/ledger.hpp"
#include "policy/least_used.hpp"

namespace gpuhub::sim {
namespace {

constexpr int gpus = 6;
constexpr int people = 4'000;
constexpr double share_least = 0.70, share_most = 0.92;  // 0.80 is promised

double uniform(Chance& chance) { return static_cast<double>(chance.next() >> 11U) * 0x1p-53; }
double normal(Chance& chance) {  // Box-Muller
  const double length = std::sqrt(-2.0 * std::log(1.0 - uniform(chance)));
  return length * std::cos(6.283185307 * uniform(chance));
}
std::int64_t minutes(double count) { return static_cast<std::int64_t>(count * 60'000); }

struct Told {
  std::int64_t asked = 0;
  ledger::Estimate estimate;
};

class Lab {
 public:
  explicit Lab(std::uint64_t seed) : chance_(seed) {
    std::vector<model::GpuInfo> machine;
    for (int n = 0; n < gpus; ++n) {
      machine.push_back({.id = *model::GpuId::parse(std::format("GPU-{}", n)), .model = "Card",
                         .memory = {1}, .minor = n, .pci_bus = {}, .devices = {}, .mounts = {},
                         .slots = {}});
    }
    apply(ledger::SetInventory{machine});
    apply(ledger::SetGranting{true});
  }

  void run() {
    std::int64_t arrival = 0;
    for (int person = 0; person < people; ++person) {
      arrival += minutes(-std::log(1.0 - uniform(chance_)) * 55);
      ends_until(arrival);
      now_.at.ms = arrival;
      ask(person);
    }
  }

  int told = 0, within = 0, before = 0, after = 0;
  double too_long = 0;  // likely / real, summed as logarithms

 private:
  void apply(const ledger::Command& what) {
    const auto outcome = ledger_.apply(what, now_);
    if (!outcome) return;
    for (const auto& event : outcome->events) {
      const auto* lease = std::get_if<model::Lease>(&event);
      if (lease != nullptr && lease->state == model::LeaseState::granted) granted(*lease);
    }
  }
  void ask(int person) {
    const int count = chance_.one_in(4) ? 2 : 1;
    const model::Owner owner{*model::HubName::parse("hub"), std::format("p{}", person), ""};
    const auto id = *model::RequestId::parse(std::format("r{}", person));
    apply(ledger::Ask{{.id = id, .owner = owner, .groups = {}, .want = model::WantCount{count},
                       .mode = model::Mode::shared, .capabilities = {}, .wait = true}});
    const auto* lease = ledger_.find(id);
    if (lease == nullptr || lease->state != model::LeaseState::queued) return;
    if (const auto estimate = ledger_.estimate(lease->id, now_.at)) {
      waiting_.emplace(lease->id, Told{now_.at.ms, *estimate});
    }
  }
  // Whoever got GPUs keeps them for a while: the median is an hour, one in twenty stays for a day.
  void granted(const model::Lease& lease) {
    const double hours = std::exp(normal(chance_) * 1.2) * (chance_.one_in(20) ? 12 : 1);
    ends_.emplace(now_.at.ms + minutes(hours * 60), lease.id);
    const auto at = waiting_.find(lease.id);
    if (at == waiting_.end()) return;
    const auto waited = now_.at.ms - at->second.asked;
    const auto& estimate = at->second.estimate;
    ++told;
    if (waited < estimate.early.count()) {
      ++before;
    } else if (waited > estimate.late.count()) {
      ++after;
    } else {
      ++within;
    }
    too_long += std::log((static_cast<double>(estimate.likely.count()) + 60'000) /
                         (static_cast<double>(waited) + 60'000));
    waiting_.erase(at);
  }
  void ends_until(std::int64_t at) {
    while (!ends_.empty() && ends_.begin()->first <= at) {
      const auto [when, lease] = *ends_.begin();
      ends_.erase(ends_.begin());
      now_.at.ms = when;
      apply(ledger::Release{lease});
    }
  }

  static ledger::Settings settings() {
    const model::Duration ever{std::int64_t{1} << 50U};
    return {.host = *model::HostName::parse("h"), .bind_timeout = ever, .gpus = {},
            .queue = {.max = 1'000, .timeout = ever, .renew_timeout = ever,
                      .reserve_after = model::Duration{3'600'000}},
            .watchers = {}};
  }
  Chance chance_;
  model::Now now_{.at = {0}, .wall = {0}};
  policy::LeastUsed policy_;
  ledger::Ledger ledger_{policy_, settings(),
                         {.epoch = *model::Epoch::parse("e1"), .fresh = true, .next_serial = 1,
                          .at = {}, .leases = {}, .gpu_settings = {}, .listed = {},
                          .conflicts = {}, .faults = {}}};
  std::multimap<std::int64_t, model::LeaseId> ends_;
  std::map<model::LeaseId, Told> waiting_;
};

}  // namespace
}  // namespace gpuhub::sim

int main(int count, char** words) {
  std::uint64_t seed = 1;
  if (count == 3 && std::strcmp(words[1], "--seed") == 0) {
    std::from_chars(words[2], words[2] + std::strlen(words[2]), seed);
  } else if (count != 1) {
    std::fputs("calibration [--seed N]\n", stderr);
    return 2;
  }
  gpuhub::sim::Lab lab{seed};
  lab.run();
  const double share = static_cast<double>(lab.within) / lab.told;
  std::printf("seed=%llu: %d waits with an estimate; %.1f %% began within it, %.1f %% before, "
              "%.1f %% after; likely / real: %.2f\n",
              static_cast<unsigned long long>(seed), lab.told, 100 * share,
              100.0 * lab.before / lab.told, 100.0 * lab.after / lab.told,
              std::exp(lab.too_long / lab.told));
  return share >= gpuhub::sim::share_least && share <= gpuhub::sim::share_most ? 0 : 1;
}
