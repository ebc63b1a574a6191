#include "ledger/books.hpp"

#include <algorithm>
#include <iterator>

#include "model/assert.hpp"

namespace gpuhub::ledger {
namespace {

template <typename Key>
void enlist(model::Lookup<Key, std::vector<Seq>>& index, const Key& key, Seq seq) {
  auto& seqs = index[key];
  seqs.insert(std::ranges::upper_bound(seqs, seq), seq);
}
template <typename Key>
void drop(model::Lookup<Key, std::vector<Seq>>& index, const Key& key, Seq seq) {
  auto* const seqs = index.find(key);
  GPUHUB_ASSERT(seqs != nullptr);
  const auto at = std::ranges::lower_bound(*seqs, seq);
  GPUHUB_ASSERT(at != seqs->end() && *at == seq);
  seqs->erase(at);
  if (seqs->empty()) index.erase(key);
}

template <typename Deadlines>
std::optional<model::Instant> first_of(const Deadlines& deadlines) {
  if (deadlines.empty()) return std::nullopt;
  return deadlines.begin()->first;
}

}  // namespace

// ---- leases ----------------------------------------------------------------------------------

const model::Lease* Books::find(const model::LeaseId& id) const {
  const auto* at = by_id_.find(id);
  return at == nullptr ? nullptr : &at->lease();
}

const model::Lease* Books::find(const model::RequestId& id) const {
  const auto* at = by_request_.find(id);
  return at == nullptr ? nullptr : &at->lease();
}

const model::Lease* Books::by_container(const model::ContainerId& id) const {
  const auto* at = live_by_container_.find(id);
  return at == nullptr ? nullptr : &at->lease();
}

std::vector<const model::Lease*> Books::live_of(const model::Owner& owner) const {
  std::vector<const model::Lease*> found;
  if (const auto* at = live_by_owner_.find(owner)) {
    for (const Seq seq : *at) found.push_back(&leases_.at(seq));
  }
  return found;
}

std::vector<const model::Lease*> Books::live_on(const model::GpuId& gpu) const {
  std::vector<const model::Lease*> found;
  if (const auto* at = live_by_gpu_.find(gpu)) {
    for (const Seq seq : *at) found.push_back(&leases_.at(seq));
  }
  return found;
}

std::vector<const model::Lease*> Books::all() const {
  std::vector<const model::Lease*> found;
  found.reserve(leases_.size());
  for (const auto& [seq, lease] : leases_) found.push_back(&lease);
  return found;
}

std::vector<const model::Lease*> Books::live() const {
  std::vector<const model::Lease*> found;
  found.reserve(live_count_);
  for (const auto& [seq, lease] : leases_) {
    if (lease.live()) found.push_back(&lease);
  }
  return found;
}

void Books::put(const model::Lease& lease) {
  if (const auto* known = by_id_.find(lease.id)) {
    const Row row = *known;
    GPUHUB_ASSERT(row.lease().live() || !lease.live());  // what has ended does not live again
    const bool ended_before = !row.lease().live();
    unindex(row);
    row.lease() = lease;
    if (!ended_before) index(row);
    return;
  }
  const Row row{leases_.emplace_hint(leases_.end(), next_++, lease)};
  by_id_.set(lease.id, row);
  by_request_.set(lease.request.id, row);
  index(row);
}

void Books::index(const Row& row) {
  const Seq seq = row.seq();
  const model::Lease& lease = row.lease();
  if (!lease.live()) {
    ended_.push_back(row);
    history.add(lease);
    return;
  }
  ++live_count_;
  enlist(live_by_owner_, lease.request.owner, seq);
  if (lease.state == model::LeaseState::queued) {
    queue_.insert(seq);
    patience_.emplace(patience(seq, lease), seq);
    return;
  }
  for (const auto& gpu : lease.gpus) {
    enlist(live_by_gpu_, gpu, seq);
    room.take(gpu, lease.request.mode);
  }
  if (lease.container) {
    const bool alone = live_by_container_.try_emplace(*lease.container, row).second;
    GPUHUB_ASSERT(alone);
  }
  if (lease.state == model::LeaseState::granted) unbound_.emplace(*lease.bind_expires_at, seq);
}

void Books::unindex(const Row& row) {
  const Seq seq = row.seq();
  const model::Lease& lease = row.lease();
  if (!lease.live()) return;
  --live_count_;
  drop(live_by_owner_, lease.request.owner, seq);
  if (lease.state == model::LeaseState::queued) {
    queue_.erase(seq);
    patience_.erase({patience(seq, lease), seq});
    renew_by_.erase(seq);
    return;
  }
  for (const auto& gpu : lease.gpus) {
    drop(live_by_gpu_, gpu, seq);
    room.give(gpu);
  }
  if (lease.container) live_by_container_.erase(*lease.container);
  if (lease.state == model::LeaseState::granted) unbound_.erase({*lease.bind_expires_at, seq});
}

void Books::order_ends() {
  std::ranges::sort(ended_, {}, [](const Row& row) {
    return std::pair{row.lease().ended_wall.value_or(model::WallTime{}), row.seq()};
  });
  history = {};
  for (const Row& row : ended_) history.add(row.lease());
}

std::vector<model::LeaseId> Books::trim(std::size_t keep) {
  std::vector<model::LeaseId> forgotten;
  if (ended_.size() <= keep) return forgotten;
  keep -= std::min<std::size_t>(keep / 8, 64);
  forgotten.reserve(ended_.size() - keep);
  while (ended_.size() > keep) {
    const Row row = ended_.front();
    forgotten.push_back(row.lease().id);
    by_id_.erase(row.lease().id);
    by_request_.erase(row.lease().request.id);
    leases_.erase(row.at);
    ended_.pop_front();
  }
  return forgotten;
}

std::vector<model::LeaseId> Books::overdue(model::Instant at) const {
  std::vector<model::LeaseId> found;
  for (const auto& [deadline, seq] : unbound_) {
    if (deadline > at) break;
    found.push_back(leases_.at(seq).id);
  }
  return found;
}

std::optional<model::Instant> Books::next_overdue() const { return first_of(unbound_); }

// ---- the queue -------------------------------------------------------------------------------

std::optional<std::size_t> Books::position(const model::LeaseId& id) const {
  const auto* at = by_id_.find(id);
  if (at == nullptr) return std::nullopt;
  const auto in_queue = queue_.find(at->seq());
  if (in_queue == queue_.end()) return std::nullopt;
  return static_cast<std::size_t>(std::distance(queue_.begin(), in_queue)) + 1;
}

// How long it may wait from now on.
model::Instant Books::patience(Seq seq, const model::Lease& lease) const {
  GPUHUB_ASSERT(lease.queue_expires_at.has_value());
  const auto renew_by = renew_by_.find(seq);
  if (renew_by == renew_by_.end()) return *lease.queue_expires_at;
  return std::min(*lease.queue_expires_at, renew_by->second);
}

void Books::renew(const model::LeaseId& id, model::Instant until) {
  const auto* at = by_id_.find(id);
  GPUHUB_ASSERT(at != nullptr);
  const Seq seq = at->seq();
  const model::Lease& lease = at->lease();
  GPUHUB_ASSERT(lease.state == model::LeaseState::queued);
  patience_.erase({patience(seq, lease), seq});
  renew_by_.insert_or_assign(seq, until);
  patience_.emplace(patience(seq, lease), seq);
}

std::optional<model::Instant> Books::renew_by(const model::LeaseId& id) const {
  const auto* at = by_id_.find(id);
  if (at == nullptr) return std::nullopt;
  const auto found = renew_by_.find(at->seq());
  if (found == renew_by_.end()) return std::nullopt;
  return found->second;
}

std::vector<model::LeaseId> Books::waited_out(model::Instant at) const {
  std::vector<model::LeaseId> found;
  for (const auto& [deadline, seq] : patience_) {
    if (deadline > at) break;
    found.push_back(leases_.at(seq).id);
  }
  return found;
}

std::optional<model::Instant> Books::next_waited_out() const { return first_of(patience_); }

// ---- what no lease covers --------------------------------------------------------------------

bool Books::add(const model::Conflict& conflict) {
  if (!conflicts_.emplace(conflict.container, conflict).second) return false;
  for (const auto& gpu : conflict.gpus) room.add_conflict(gpu, 1);
  return true;
}

bool Books::remove_conflict(const model::ContainerId& id) {
  const auto at = conflicts_.find(id);
  if (at == conflicts_.end()) return false;
  for (const auto& gpu : at->second.gpus) room.add_conflict(gpu, -1);
  conflicts_.erase(at);
  return true;
}

void Books::put(const model::Foreign& foreign) {
  remove_foreign(foreign.container);
  foreign_.emplace(foreign.container, foreign);
  if (foreign.watches) return;
  for (const auto& gpu : foreign.gpus) room.add_foreign(gpu, 1);
}

bool Books::remove_foreign(const model::ContainerId& id) {
  const auto at = foreign_.find(id);
  if (at == foreign_.end()) return false;
  if (!at->second.watches) {
    for (const auto& gpu : at->second.gpus) room.add_foreign(gpu, -1);
  }
  foreign_.erase(at);
  return true;
}

bool Books::held(const model::GpuId& id) const {
  const auto* use = room.find(id);
  return use != nullptr && use->leases + use->conflicts > 0;
}

}  // namespace gpuhub::ledger
