#include "ledger/books.hpp"

#include <algorithm>

#include "model/assert.hpp"

namespace gpuhub::ledger {
namespace {

template <typename Key>
void drop(std::map<Key, std::set<Seq>>& index, const Key& key, Seq seq) {
  const auto at = index.find(key);
  GPUHUB_ASSERT(at != index.end());
  at->second.erase(seq);
  if (at->second.empty()) index.erase(at);
}

}  // namespace

const model::Lease* Books::find(const model::LeaseId& id) const {
  const auto at = by_id_.find(id);
  return at == by_id_.end() ? nullptr : &leases_.at(at->second);
}

const model::Lease* Books::find(const model::RequestId& id) const {
  const auto at = by_request_.find(id);
  return at == by_request_.end() ? nullptr : &leases_.at(at->second);
}

const model::Lease* Books::by_container(const model::ContainerId& id) const {
  const auto at = live_by_container_.find(id);
  return at == live_by_container_.end() ? nullptr : &leases_.at(at->second);
}

std::vector<const model::Lease*> Books::live_of(const model::Owner& owner) const {
  std::vector<const model::Lease*> found;
  if (const auto at = live_by_owner_.find(owner); at != live_by_owner_.end()) {
    for (const Seq seq : at->second) found.push_back(&leases_.at(seq));
  }
  return found;
}

std::vector<const model::Lease*> Books::live_on(const model::GpuId& gpu) const {
  std::vector<const model::Lease*> found;
  if (const auto at = live_by_gpu_.find(gpu); at != live_by_gpu_.end()) {
    for (const Seq seq : at->second) found.push_back(&leases_.at(seq));
  }
  return found;
}

std::vector<const model::Lease*> Books::all() const {
  std::vector<const model::Lease*> found;
  found.reserve(leases_.size());
  for (const auto& [seq, lease] : leases_) found.push_back(&lease);
  return found;
}

void Books::put(const model::Lease& lease) {
  const auto [at, fresh] = by_id_.try_emplace(lease.id, next_);
  const Seq seq = at->second;
  if (fresh) {
    ++next_;
  } else {
    unindex(seq, leases_.at(seq));
  }
  leases_.insert_or_assign(seq, lease);
  index(seq, lease);
}

void Books::index(Seq seq, const model::Lease& lease) {
  by_request_.insert_or_assign(lease.request.id, seq);
  if (!lease.live()) {
    if (end_of_.try_emplace(seq, next_end_).second) ended_.emplace(next_end_++, seq);
    return;
  }
  live_by_owner_[lease.request.owner].insert(seq);
  for (const auto& gpu : lease.gpus) live_by_gpu_[gpu].insert(seq);
  if (lease.container) {
    const bool alone = live_by_container_.emplace(*lease.container, seq).second;
    GPUHUB_ASSERT(alone);
  }
  if (lease.state == model::LeaseState::granted) unbound_.emplace(lease.bind_expires_at, seq);
}

void Books::unindex(Seq seq, const model::Lease& lease) {
  by_request_.erase(lease.request.id);
  if (!lease.live()) return;
  drop(live_by_owner_, lease.request.owner, seq);
  for (const auto& gpu : lease.gpus) drop(live_by_gpu_, gpu, seq);
  if (lease.container) live_by_container_.erase(*lease.container);
  if (lease.state == model::LeaseState::granted) unbound_.erase({lease.bind_expires_at, seq});
}

void Books::order_ends() {
  std::vector<std::pair<model::WallTime, Seq>> ends;
  for (const auto& [order, seq] : ended_) {
    ends.emplace_back(leases_.at(seq).ended_wall.value_or(model::WallTime{}), seq);
  }
  std::ranges::sort(ends);
  ended_.clear();
  end_of_.clear();
  for (const auto& [wall, seq] : ends) {
    end_of_.emplace(seq, next_end_);
    ended_.emplace(next_end_++, seq);
  }
}

std::vector<model::LeaseId> Books::trim(std::size_t keep) {
  std::vector<model::LeaseId> forgotten;
  while (ended_.size() > keep) {
    const Seq seq = ended_.begin()->second;
    const model::Lease& lease = leases_.at(seq);
    forgotten.push_back(lease.id);
    by_id_.erase(lease.id);
    unindex(seq, lease);
    leases_.erase(seq);
    end_of_.erase(seq);
    ended_.erase(ended_.begin());
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

std::optional<model::Instant> Books::next_deadline() const {
  if (unbound_.empty()) return std::nullopt;
  return unbound_.begin()->first;
}

model::Gpu* Books::gpu(const model::GpuId& id) {
  const auto at = std::ranges::find(gpus, id, [](const model::Gpu& g) { return g.info.id; });
  return at == gpus.end() ? nullptr : &*at;
}

std::vector<policy::GpuUse> Books::uses(const std::set<model::LeaseId>& without) const {
  std::map<model::GpuId, int> taken;
  for (const auto& [id, conflict] : conflicts) {
    for (const auto& gpu : conflict.gpus) ++taken[gpu];
  }
  std::vector<policy::GpuUse> all;
  all.reserve(gpus.size());
  for (const model::Gpu& gpu : gpus) {
    policy::GpuUse use{.gpu = &gpu};
    if (const auto at = taken.find(gpu.info.id); at != taken.end()) use.conflicts = at->second;
    for (const model::Lease* lease : live_on(gpu.info.id)) {
      if (without.contains(lease->id)) continue;
      ++use.leases;
      use.exclusive = use.exclusive || lease->request.mode == model::Mode::exclusive;
    }
    all.push_back(use);
  }
  return all;
}

bool Books::held(const model::GpuId& id) const {
  return live_by_gpu_.contains(id) || std::ranges::any_of(conflicts, [&](const auto& entry) {
           return std::ranges::contains(entry.second.gpus, id);
         });
}

}  // namespace gpuhub::ledger
