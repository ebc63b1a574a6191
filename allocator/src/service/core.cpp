#include "service/core.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "model/assert.hpp"

namespace gpuhub::service {

Core::Core(ledger::Ledger ledger, store::Store& store, Clock clock, Pace* pace,
           std::function<void(std::string)> on_fatal)
    : ledger_(std::move(ledger)),
      store_(store),
      clock_(std::move(clock)),
      pace_(pace),
      on_fatal_(std::move(on_fatal)) {}

Core::~Core() { *alive_ = false; }

std::expected<ledger::Applied, ledger::Refusal> Core::apply(const ledger::Command& what) {
  auto outcome = ledger_.apply(what, now());
  if (!outcome || outcome->events.empty()) return outcome;
  count(outcome->events);
  if (gathered_.empty()) {
    gathered_ = std::exchange(outcome->events, {});
  } else {
    std::ranges::move(outcome->events, std::back_inserter(gathered_));
    outcome->events.clear();
  }
  if (!in_flight_) schedule();
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

void Core::schedule() {
  if (pace_ == nullptr) return commit();
  if (std::exchange(scheduled_, true)) return;
  pace_->at_turn_end([this, alive = alive_] {
    if (*alive) turn_ended();
  });
}

void Core::turn_ended() {
  scheduled_ = false;
  if (in_flight_ || gathered_.empty() || failed_) return;
  const auto patience = rhythm_.patience(pace_->now(), gathered_actions_.size());
  if (patience.count() == 0) return begin();
  pace_->after(patience, [this, alive = alive_] {
    if (*alive && !in_flight_ && !gathered_.empty() && !failed_) begin();
  });
}

// On this thread for who is alone, if the store can.
void Core::begin() {
  if (!rhythm_.alone(gathered_actions_.size())) return commit();
  take_off();
  if (auto result = store_.commit_now(*flying_)) return committed(*std::move(result));
  send();
}

void Core::commit() {
  take_off();
  send();
}

// All that was gathered becomes the batch that is under way.
void Core::take_off() {
  GPUHUB_ASSERT(!in_flight_ && !gathered_.empty());
  in_flight_ = true;
  flying_actions_ = std::exchange(gathered_actions_, {});
  if (pace_ != nullptr) rhythm_.begins(pace_->now(), flying_actions_.size());
  counters.records += gathered_.size();
  flying_ = std::make_shared<const model::Batch>(
      model::Batch{.records = std::exchange(gathered_, {}),
                   .next_serial = ledger_.next_serial(),
                   .at = now().at});
}

void Core::send() {
  store_.commit(flying_, [this, alive = alive_](std::expected<void, store::Error> result) {
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
  const auto batch = std::exchange(flying_, nullptr);
  if (pace_ != nullptr) rhythm_.ended(pace_->now(), gathered_actions_.size());
  // While the disk works on the next ones these are answered.
  if (!gathered_.empty() && !scheduled_) {
    if (pace_ == nullptr || rhythm_.patience(pace_->now(), gathered_actions_.size()).count() == 0) {
      commit();
    } else {
      schedule();
    }
  }
  if (on_durable) on_durable(batch->records);
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
