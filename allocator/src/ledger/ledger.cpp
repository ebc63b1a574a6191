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

}  // namespace

Ledger::Rules::Rules(const policy::Policy& policy_, Settings settings_,
                     const model::Contents& contents)
    : policy(policy_),
      settings(std::move(settings_)),
      epoch(contents.epoch),
      next_serial(contents.next_serial),
      now{.at = contents.at, .wall = {}} {
  for (const auto& lease : contents.leases) books.put(lease);
  books.order_ends();
  for (const auto& setting : contents.gpu_settings) books.settings.emplace(setting.gpu, setting);
  for (const auto& conflict : contents.conflicts) {
    books.conflicts.emplace(conflict.container, conflict);
  }
  take_inventory(contents.listed ? contents.listed->gpus : std::vector<model::GpuInfo>{});
}

Ledger::Ledger(const policy::Policy& policy, Settings settings, const model::Contents& contents)
    : rules_(std::make_unique<Rules>(policy, std::move(settings), contents)) {}
Ledger::~Ledger() = default;
Ledger::Ledger(Ledger&&) noexcept = default;

std::expected<Applied, Refusal> Ledger::apply(const Command& what, model::Now now) {
  GPUHUB_ASSERT(now.at >= rules_->now.at);
  rules_->now = now;
  auto outcome = std::visit(*rules_, what);
  if (outcome && !outcome->events.empty()) {
    for (auto& id : rules_->books.trim(rules_->settings.history_max)) {
      outcome->events.emplace_back(model::LeaseForgotten{std::move(id)});
    }
  }
  return outcome;
}

const model::Lease* Ledger::find(const model::LeaseId& id) const { return rules_->books.find(id); }
const model::Lease* Ledger::find(const model::RequestId& id) const {
  return rules_->books.find(id);
}
const model::Gpu* Ledger::gpu(const model::GpuId& id) const { return rules_->books.gpu(id); }
std::vector<policy::GpuUse> Ledger::gpus() const { return rules_->books.uses(); }
std::vector<const model::Lease*> Ledger::leases() const { return rules_->books.all(); }
std::vector<const model::Lease*> Ledger::live_on(const model::GpuId& gpu) const {
  return rules_->books.live_on(gpu);
}

std::vector<const model::Conflict*> Ledger::conflicts() const {
  std::vector<const model::Conflict*> all;
  for (const auto& [id, conflict] : rules_->books.conflicts) all.push_back(&conflict);
  return all;
}

std::vector<model::LeaseId> Ledger::overdue(model::Instant at) const {
  return rules_->books.overdue(at);
}
std::optional<model::Instant> Ledger::next_deadline() const {
  return rules_->books.next_deadline();
}
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
    line += std::format("gpu{}{}: {} | ", use.gpu->index, use.gpu->present ? "" : " (missing)",
                        held.empty() ? "-" : held);
  }
  std::string names;
  for (const auto* conflict : conflicts()) names += (names.empty() ? "" : ", ") + conflict->name;
  return line + "conflicts: " + (names.empty() ? "-" : names);
}

}  // namespace gpuhub::ledger
