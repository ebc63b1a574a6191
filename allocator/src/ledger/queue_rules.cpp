// The queue. First come, first served; who cannot start yet lets others pass, until he has waited
// so long that places are kept for him.
#include <algorithm>
#include <format>

#include "ledger/rules.hpp"
#include "model/assert.hpp"

namespace gpuhub::ledger {
namespace {

// Another lease of the same owner that is not queued: its container must be gone first.
const model::Lease* own_older(const Books& books, const model::Lease& lease) {
  for (const auto* other : books.live_of(lease.request.owner)) {
    if (other->holds()) return other;
  }
  return nullptr;
}

}  // namespace

bool Ledger::Rules::long_wait(const model::Lease& lease) const {
  return lease.asked_at + settings.queue.reserve_after <= now.at;
}

void Ledger::Rules::serve(Applied& into) {
  if (!room_changed) return;
  room_changed = false;
  long_waits = 0;
  books.room.clear_reserved();
  if (books.queue().empty()) return;
  const auto lease_of_command = into.lease;
  const std::set<Seq> waiting = books.queue();  // a copy: a grant takes it out
  for (const Seq seq : waiting) {
    const model::Lease& lease = books.at(seq);
    const bool blocked = own_older(books, lease) != nullptr;
    auto picked = books.room.place(lease.request.want, lease.request.mode);
    if (!blocked && picked && (granting || picked->empty())) {
      grant(lease, *std::move(picked), into);
      continue;
    }
    if (!long_wait(lease)) continue;
    ++long_waits;
    if (!blocked) books.room.reserve(lease.request.want, lease.request.mode);
  }
  into.lease = lease_of_command;
}

// Those who have waited long stand at the head, because the queue is in the order of asking.
std::size_t Ledger::Rules::long_waits_now() const {
  std::size_t count = 0;
  for (const Seq seq : books.queue()) {
    if (!long_wait(books.at(seq))) break;
    ++count;
  }
  return count;
}

void Ledger::Rules::keep_places_in_time() {
  if (long_waits_now() == long_waits) return;
  Applied nothing;
  room_changed = true;
  serve(nothing);
  GPUHUB_ASSERT(nothing.events.empty());  // who fits was served by the command before
}

std::string Ledger::Rules::why_waiting(const model::Lease& lease) const {
  if (own_older(books, lease) != nullptr) return "your previous server has not ended yet";
  if (!granting) return "GPUs are not given out right now: the machine is being read";
  const auto picked = books.room.place(lease.request.want, lease.request.mode);
  return picked ? "it is your turn" : picked.error().detail;
}

std::optional<model::Instant> Ledger::Rules::next_tick() const {
  auto next = books.next_waited_out();
  const auto sooner = [&](model::Instant at) { next = next ? std::min(*next, at) : at; };
  if (long_waits < books.queue().size()) {
    const auto patient = std::next(books.queue().begin(), static_cast<std::ptrdiff_t>(long_waits));
    sooner(books.at(*patient).asked_at + settings.queue.reserve_after);
  }
  for (const auto& [gpu, state] : books.faults) {
    if (state.clears_at) sooner(*state.clears_at);
  }
  return next;
}

Outcome Ledger::Rules::operator()(const Renew& renew) {
  const auto* lease = books.find(renew.lease);
  if (lease == nullptr) return refuse(Reason::unknown_lease, "there is no such lease");
  if (lease->state == model::LeaseState::queued) {
    books.renew(lease->id, now.at + settings.queue.renew_timeout);
  }
  return Applied{.events = {}, .lease = lease->id, .existed = true};
}

Outcome Ledger::Rules::operator()(const Tick&) {
  Applied done;
  for (const auto& id : books.waited_out(now.at)) {
    end(*books.find(id), model::EndReason::expired, done);
  }
  std::vector<model::GpuId> quiet;
  for (const auto& [gpu, state] : books.faults) {
    if (state.clears_at && *state.clears_at <= now.at) quiet.push_back(gpu);
  }
  for (const auto& gpu : quiet) clear_fault(gpu, done);
  if (long_waits_now() != long_waits) room_changed = true;
  done.lease.reset();
  return done;
}

}  // namespace gpuhub::ledger
