#include "store/memory_store.hpp"

#include "model/assert.hpp"

namespace gpuhub::store {
namespace {

template <typename... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};

}  // namespace

MemoryStore::MemoryStore(model::Epoch epoch) : epoch_(std::move(epoch)) {}

std::expected<model::Contents, Error> MemoryStore::load() {
  if (load_error_) return std::unexpected(*load_error_);
  return disk();
}

void MemoryStore::commit(std::shared_ptr<const model::Batch> batch,
                         std::move_only_function<void(std::expected<void, Error>)> done) {
  GPUHUB_ASSERT(!waiting_);
  waiting_.emplace(std::move(batch), std::move(done));
}

std::optional<std::expected<void, Error>> MemoryStore::commit_now(
    const model::Batch& batch, const std::function<void()>& meanwhile) {
  GPUHUB_ASSERT(!waiting_);
  if (at_once_ == AtOnce::cannot) return std::nullopt;
  meanwhile();
  if (at_once_ != AtOnce::fails) write(batch);
  if (at_once_ == AtOnce::durable) return std::expected<void, Error>{};
  return std::unexpected(Error{"the test's disk failed"});
}

MemoryStore::Waiting MemoryStore::take() {
  GPUHUB_ASSERT(waiting_.has_value());
  Waiting taken = *std::move(waiting_);
  waiting_.reset();  // before `done`: it may commit the next
  return taken;
}

void MemoryStore::finish() {
  auto taken = take();
  write(*taken.batch);
  taken.done({});
}

void MemoryStore::fail(bool on_disk) {
  auto taken = take();
  if (on_disk) write(*taken.batch);
  taken.done(std::unexpected(Error{"the test's disk failed"}));
}

void MemoryStore::die(bool on_disk) {
  if (!waiting_) return;
  const auto taken = take();
  if (on_disk) write(*taken.batch);
}

void MemoryStore::lose(model::Epoch epoch) {
  GPUHUB_ASSERT(!waiting_);
  auto see = std::move(see_);
  *this = MemoryStore{std::move(epoch)};
  see_ = std::move(see);
}

void MemoryStore::write(const model::Batch& batch) {
  for (const auto& record : batch.records) write(record);
  next_serial_ = batch.next_serial;
  at_ = batch.at;
  fresh_ = false;
  if (see_) see_(batch);
}

void MemoryStore::write(const model::Record& record) {
  std::visit(
      Overloaded{
          [&](const model::Lease& lease) {
            const auto [at, added] = rows_.try_emplace(lease.id, next_row_);
            if (added) ++next_row_;
            leases_.insert_or_assign(at->second, lease);
          },
          [&](const model::LeaseForgotten& gone) {
            const auto at = rows_.find(gone.lease);
            if (at == rows_.end()) return;
            leases_.erase(at->second);
            rows_.erase(at);
          },
          [&](const model::GpuSetting& set) { settings_.insert_or_assign(set.gpu, set); },
          [&](const model::ListedInventory& listed) { listed_ = listed; },
          [&](const model::Conflict& c) { conflicts_.insert_or_assign(c.container, c); },
          [&](const model::ConflictEnded& ended) { conflicts_.erase(ended.container); },
          [&](const model::GpuFaulty& faulty) { faults_.insert_or_assign(faulty.gpu, faulty); },
          [&](const model::FaultCleared& cleared) { faults_.erase(cleared.gpu); }},
      record);
}

model::Contents MemoryStore::disk() const {
  model::Contents all{.epoch = epoch_, .fresh = fresh_, .next_serial = next_serial_, .at = at_,
                      .leases = {}, .gpu_settings = {}, .listed = listed_, .conflicts = {},
                      .faults = {}};
  for (const auto& [row, lease] : leases_) all.leases.push_back(lease);
  for (const auto& [gpu, setting] : settings_) all.gpu_settings.push_back(setting);
  for (const auto& [id, conflict] : conflicts_) all.conflicts.push_back(conflict);
  for (const auto& [gpu, faulty] : faults_) all.faults.push_back(faulty);
  return all;
}

const model::Lease* MemoryStore::find(const model::LeaseId& id) const {
  const auto at = rows_.find(id);
  return at == rows_.end() ? nullptr : &leases_.at(at->second);
}

}  // namespace gpuhub::store
