#include "api/polls.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "api/write.hpp"

namespace gpuhub::api {
namespace {

constexpr model::Duration look_every{5'000};

}  // namespace

void Polls::add(model::LeaseId lease, std::optional<std::string> revision, model::Instant until,
                Give give) {
  const auto key = next_++;
  polls_.emplace(key, Poll{std::move(lease), std::move(revision), until, std::move(give)});
  look(key);
}

void Polls::look(std::uint64_t key) {
  Poll& poll = polls_.at(key);
  if (poll.looking) return;
  poll.looking = true;
  service_.lease(poll.lease, [this, key](auto answer) { seen(key, std::move(answer)); });
}

void Polls::seen(std::uint64_t key, std::expected<service::LeaseAnswer, service::Refusal> answer) {
  const auto at = polls_.find(key);
  Poll& poll = at->second;
  poll.looking = false;
  if (answer) {
    const auto shown = revision_of(*answer);
    if (!poll.revision) poll.revision = shown;
    if (!poll.over && *poll.revision == shown) return;
  }
  auto give = std::move(poll.give);
  polls_.erase(at);
  give(std::move(answer));
}

void Polls::changed(const std::vector<model::Record>& records) {
  if (polls_.empty()) return;
  std::set<model::LeaseId> leases;
  for (const auto& record : records) {
    if (const auto* lease = std::get_if<model::Lease>(&record)) leases.insert(lease->id);
    queue_moved_ = true;
  }
  std::vector<std::uint64_t> own;
  for (const auto& [key, poll] : polls_) {
    if (leases.contains(poll.lease)) own.push_back(key);
  }
  for (const auto key : own) {
    if (polls_.contains(key)) look(key);
  }
}

void Polls::pump(model::Instant at) {
  const bool all = std::exchange(queue_moved_, false) || at >= look_again_;
  if (all) look_again_ = at + look_every;
  std::vector<std::uint64_t> due;
  for (auto& [key, poll] : polls_) {
    poll.over = poll.over || at >= poll.until;
    if (all || poll.over) due.push_back(key);
  }
  for (const auto key : due) {
    if (polls_.contains(key)) look(key);
  }
}

std::optional<model::Instant> Polls::next_deadline() const {
  if (polls_.empty()) return std::nullopt;
  auto next = look_again_;
  for (const auto& [key, poll] : polls_) next = std::min(next, poll.until);
  return next;
}

}  // namespace gpuhub::api
