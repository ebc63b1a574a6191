#include "service/core.hpp"

#include <utility>

#include "model/assert.hpp"

namespace gpuhub::service {

Core::Core(ledger::Ledger ledger, store::Store& store, Clock clock,
           std::function<void(std::string)> on_fatal)
    : ledger_(std::move(ledger)),
      store_(store),
      clock_(std::move(clock)),
      on_fatal_(std::move(on_fatal)) {}

Core::~Core() { *alive_ = false; }

std::expected<ledger::Applied, ledger::Refusal> Core::apply(const ledger::Command& what) {
  auto outcome = ledger_.apply(what, now());
  if (!outcome || outcome->events.empty()) return outcome;
  count(outcome->events);
  gathered_.insert(gathered_.end(), outcome->events.begin(), outcome->events.end());
  if (!in_flight_) commit();
  return outcome;
}

void Core::after_commit(Action action) {
  if (failed_) return;  // memory is ahead of disk: nothing is answered any more
  if (!gathered_.empty()) {
    gathered_actions_.push_back(std::move(action));
  } else if (in_flight_) {
    flying_actions_.push_back(std::move(action));
  } else {
    action();
  }
}

void Core::commit() {
  GPUHUB_ASSERT(!in_flight_ && !gathered_.empty());
  in_flight_ = true;
  flying_actions_ = std::exchange(gathered_actions_, {});
  counters.records += gathered_.size();
  if (on_durable) flying_ = gathered_;
  model::Batch batch{.records = std::exchange(gathered_, {}),
                     .next_serial = ledger_.next_serial(),
                     .at = now().at};
  store_.commit(std::move(batch), [this, alive = alive_](std::expected<void, store::Error> result) {
    if (*alive) committed(std::move(result));
  });
}

void Core::committed(std::expected<void, store::Error> result) {
  GPUHUB_ASSERT(in_flight_);
  in_flight_ = false;
  if (!result) {
    failed_ = true;
    flying_actions_.clear();
    gathered_actions_.clear();
    on_fatal_("the books could not be written: " + result.error().message);
    return;
  }
  ++counters.commits;
  auto actions = std::exchange(flying_actions_, {});
  const auto records = std::exchange(flying_, {});
  if (!gathered_.empty()) commit();
  if (on_durable) on_durable(records);
  for (auto& action : actions) action();
}

void Core::count(const std::vector<model::Record>& events) {
  for (const auto& event : events) {
    if (const auto* lease = std::get_if<model::Lease>(&event)) {
      if (lease->state == model::LeaseState::granted) ++counters.granted;
      if (lease->state == model::LeaseState::queued) ++counters.queued;
      if (lease->reason) ++counters.ended_by_reason.at(std::to_underlying(*lease->reason));
    } else if (std::holds_alternative<model::Conflict>(event)) {
      ++counters.conflicts_seen;
    } else if (std::holds_alternative<model::GpuFaulty>(event)) {
      ++counters.gpu_faults;
    }
  }
}

}  // namespace gpuhub::service
