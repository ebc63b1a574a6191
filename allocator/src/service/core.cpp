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
  if (gathered_.empty()) gathered_.reserve(last_size_);  // records are large: not moved as it grows
  std::ranges::move(outcome->events, std::back_inserter(gathered_));
  outcome->events.clear();
  if (!in_flight_) schedule();
  return outcome;
}

void Core::wait(Answer answer) {
  if (failed_) return;  // memory is ahead of disk: nothing is answered any more
  if (!gathered_.empty()) {
    gathered_answers_.push_back(std::move(answer));
  } else if (in_flight_) {
    flying_answers_.push_back(std::move(answer));
  } else {
    answer.make_ready();
    answer.send();
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
  const auto patience = rhythm_.patience(pace_->now(), gathered_answers_.size());
  if (patience.count() == 0) return begin();
  pace_->after(patience, [this, alive = alive_] {
    if (*alive && !in_flight_ && !gathered_.empty() && !failed_) begin();
  });
}

// On this thread for who is alone, if the store can.
void Core::begin() {
  if (!rhythm_.alone(gathered_answers_.size())) return commit();
  take_off();
  const auto meanwhile = [this] {
    make_ready();
    pace_->spare_time();
  };
  if (auto result = store_.commit_now(*flying_, meanwhile)) {
    pace_->more_may_come();
    return committed(*std::move(result));
  }
  send();
  make_ready();
}

void Core::commit() {
  take_off();
  send();
  make_ready();
}

// All that was gathered becomes the batch that is under way.
void Core::take_off() {
  GPUHUB_ASSERT(!in_flight_ && !gathered_.empty());
  in_flight_ = true;
  flying_answers_ = std::exchange(gathered_answers_, {});
  if (pace_ != nullptr) rhythm_.begins(pace_->now(), flying_answers_.size());
  counters.records += gathered_.size();
  last_size_ = std::min<std::size_t>(gathered_.size(), size_max);
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

// Those of the batch under way: their bytes wait here, not the work that makes them.
void Core::make_ready() {
  for (auto& answer : flying_answers_) answer.make_ready();
}

void Core::committed(std::expected<void, store::Error> result) {
  GPUHUB_ASSERT(in_flight_);
  in_flight_ = false;
  if (!result) {
    failed_ = true;
    flying_answers_.clear();
    gathered_answers_.clear();
    on_fatal_("the books could not be written: " + result.error().message);
    return;
  }
  ++counters.commits;
  auto answers = std::exchange(flying_answers_, {});
  const auto batch = std::exchange(flying_, nullptr);
  if (pace_ != nullptr) {
    rhythm_.ended(pace_->now(), gathered_answers_.size(), store_.disk_time());
  }
  // While the disk works on the next ones these are answered.
  if (!gathered_.empty() && !scheduled_) {
    if (pace_ == nullptr || rhythm_.patience(pace_->now(), gathered_answers_.size()).count() == 0) {
      take_off();
      send();
    } else {
      schedule();
    }
  }
  if (on_durable) on_durable(batch->records);
  const auto alive = alive_;
  for (auto& answer : answers) {
    answer.make_ready();
    answer.send();
  }
  if (*alive) make_ready();
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
