#include "ledger/ledger.hpp"

#include <format>
#include <utility>

#include "ledger/rules.hpp"
#include "model/assert.hpp"

namespace gpuhub::ledger {
namespace {

std::string name_of(const model::Owner& owner) {
  return owner.server.empty() ? owner.user : owner.user + "/" + owner.server;
}

std::string state_of(const model::Gpu& gpu) {
  if (!gpu.present) return " (missing)";
  if (gpu.fault) return " (faulty)";
  return gpu.drained ? " (draining)" : "";
}

}  // namespace

Ledger::Rules::Rules(const policy::Policy& policy_, Settings settings_,
                     const model::Contents& contents)
    : policy(policy_),
      settings(std::move(settings_)),
      books(policy_, settings.avoid_foreign),
      epoch(contents.epoch),
      next_serial(contents.next_serial),
      now{.at = contents.at, .wall = {}} {
  for (const auto& setting : contents.gpu_settings) books.settings.emplace(setting.gpu, setting);
  for (const auto& faulty : contents.faults) books.faults.emplace(faulty.gpu, faulty.state);
  take_inventory(contents.listed ? contents.listed->gpus : std::vector<model::GpuInfo>{});
  std::vector<model::GpuId> held;
  for (const auto& lease : contents.leases) {
    if (lease.holds()) held.insert(held.end(), lease.gpus.begin(), lease.gpus.end());
  }
  for (const auto& conflict : contents.conflicts) {
    held.insert(held.end(), conflict.gpus.begin(), conflict.gpus.end());
  }
  know(held);
  for (const auto& lease : contents.leases) {
    books.put(lease);
    // Whoever waits has the whole time to say so again.
    if (lease.state == model::LeaseState::queued) {
      books.renew(lease.id, now.at + settings.queue.renew_timeout);
    }
  }
  books.order_ends();
  for (const auto& conflict : contents.conflicts) books.add(conflict);
}

Ledger::Ledger(const policy::Policy& policy, Settings settings, const model::Contents& contents)
    : rules_(std::make_unique<Rules>(policy, std::move(settings), contents)) {}
Ledger::~Ledger() = default;
Ledger::Ledger(Ledger&&) noexcept = default;

Outcome Ledger::apply(const Command& what, model::Now now) {
  GPUHUB_ASSERT(now.at >= rules_->now.at);
  rules_->now = now;
  auto outcome = std::visit(*rules_, what);
  if (!outcome) return outcome;
  rules_->serve(*outcome);
  if (!outcome->events.empty()) {
    for (auto& id : rules_->books.trim(rules_->settings.history_max)) {
      outcome->events.emplace_back(model::LeaseForgotten{std::move(id)});
    }
  }
  return outcome;
}

// ---- leases ----------------------------------------------------------------------------------

const model::Lease* Ledger::find(const model::LeaseId& id) const { return rules_->books.find(id); }
const model::Lease* Ledger::find(const model::RequestId& id) const {
  return rules_->books.find(id);
}
std::vector<const model::Lease*> Ledger::leases() const { return rules_->books.all(); }
std::vector<const model::Lease*> Ledger::live() const { return rules_->books.live(); }
std::vector<const model::Lease*> Ledger::live_on(const model::GpuId& gpu) const {
  return rules_->books.live_on(gpu);
}
const model::Lease* Ledger::by_container(const model::ContainerId& id) const {
  return rules_->books.by_container(id);
}

// ---- the queue -------------------------------------------------------------------------------

std::vector<const model::Lease*> Ledger::queue() const {
  std::vector<const model::Lease*> all;
  for (const Seq seq : rules_->books.queue()) all.push_back(&rules_->books.at(seq));
  return all;
}

std::optional<Place> Ledger::place_of(const model::LeaseId& id) const {
  const auto position = rules_->books.position(id);
  if (!position) return std::nullopt;
  return Place{.position = *position, .of = rules_->books.queue().size(),
               .renew_by = rules_->books.renew_by(id).value_or(rules_->now.at),
               .why = rules_->why_waiting(*find(id))};
}

std::vector<model::LeaseId> Ledger::in_the_way_of(const model::Lease& lease) const {
  return rules_->in_the_way(lease.request.want, {lease.id});
}

std::optional<Estimate> Ledger::estimate(const model::LeaseId& id, model::Instant at) const {
  const auto position = rules_->books.position(id);
  if (!position) return std::nullopt;
  auto& cache = rules_->estimates;
  constexpr model::Duration good_for{1'000};
  // By their leases, not by their places: the queue may have moved since.
  if (!cache.made || at < *cache.made || at - *cache.made >= good_for || !cache.of.contains(id)) {
    cache = {.made = at, .of = {}};
    const auto all = ledger::estimate(rules_->books, at, rules_->settings.queue.reserve_after);
    for (std::size_t i = 0; const Seq seq : rules_->books.queue()) {
      cache.of.emplace(rules_->books.at(seq).id, all.at(i++));
    }
  }
  return cache.of.at(id);
}

// ---- GPUs ------------------------------------------------------------------------------------

const model::Gpu* Ledger::gpu(const model::GpuId& id) const {
  const auto* use = rules_->books.room.find(id);
  return use == nullptr ? nullptr : use->gpu;
}
std::span<const policy::GpuUse> Ledger::gpus() const { return rules_->books.room.gpus(); }

std::vector<const model::Conflict*> Ledger::conflicts() const {
  std::vector<const model::Conflict*> all;
  for (const auto& [id, conflict] : rules_->books.conflicts()) all.push_back(&conflict);
  return all;
}
const model::Conflict* Ledger::conflict(const model::ContainerId& id) const {
  const auto at = rules_->books.conflicts().find(id);
  return at == rules_->books.conflicts().end() ? nullptr : &at->second;
}
std::vector<const model::Foreign*> Ledger::foreign() const {
  std::vector<const model::Foreign*> all;
  for (const auto& [id, one] : rules_->books.foreign()) all.push_back(&one);
  return all;
}
const model::Foreign* Ledger::foreign(const model::ContainerId& id) const {
  const auto at = rules_->books.foreign().find(id);
  return at == rules_->books.foreign().end() ? nullptr : &at->second;
}

// ---- time ------------------------------------------------------------------------------------

std::vector<model::LeaseId> Ledger::overdue(model::Instant at) const {
  return rules_->books.overdue(at);
}
std::optional<model::Instant> Ledger::next_overdue() const { return rules_->books.next_overdue(); }
std::optional<model::Instant> Ledger::next_tick() const { return rules_->next_tick(); }
bool Ledger::granting() const { return rules_->granting; }
const model::Epoch& Ledger::epoch() const { return rules_->epoch; }
std::uint64_t Ledger::next_serial() const { return rules_->next_serial; }

std::string Ledger::show() const {
  std::string line;
  for (const auto& use : gpus()) {
    std::string held;
    for (const auto* lease : live_on(use.gpu->info.id)) {
      held += std::format("{}{} {}", held.empty() ? "" : ", ", name_of(lease->request.owner),
                          to_string(lease->state));
    }
    line += std::format("gpu{}{}: {} | ", use.gpu->index, state_of(*use.gpu),
                        held.empty() ? "-" : held);
  }
  const auto names = [](const auto& all, const auto& name) {
    std::string text;
    for (const auto* one : all) text += (text.empty() ? "" : ", ") + name(*one);
    return text;
  };
  if (const auto waiting = queue(); !waiting.empty()) {
    const auto owner = [](const auto& lease) { return name_of(lease.request.owner); };
    line += "queue: " + names(waiting, owner) + " | ";
  }
  const auto conflicting = names(conflicts(), [](const auto& one) { return one.name; });
  line += "conflicts: " + (conflicting.empty() ? "-" : conflicting);
  auto using_gpus = foreign();
  std::erase_if(using_gpus, [](const auto* one) { return one->gpus.empty(); });
  const auto others = names(using_gpus, [](const auto& one) { return one.name; });
  return others.empty() ? line : line + " | foreign: " + others;
}

}  // namespace gpuhub::ledger
