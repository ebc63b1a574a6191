// The store for tests: books in memory that outlive the service, with every commit under the
// test's control. Nothing becomes durable by itself: a commit waits until the test finishes it,
// fails it, or lets the process die around it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "store/store.hpp"

namespace gpuhub::store {

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(model::Epoch epoch);

  std::expected<model::Contents, Error> load() override;
  void commit(std::shared_ptr<const model::Batch> batch,
              std::move_only_function<void(std::expected<void, Error>)> done) override;
  std::optional<std::expected<void, Error>> commit_now(
      const model::Batch& batch, const std::function<void()>& meanwhile) override;

  // ---- verbs of the test ----
  bool committing() const { return waiting_.has_value(); }
  void finish();             // the batch is on disk; `done` is told so. Needs committing().
  void fail(bool on_disk);   // `done` is told of an error; the batch may be on disk all the same.
  void die(bool on_disk);    // the process died: nobody is told. Without a commit: nothing happens.
  void lose(model::Epoch epoch);  // all of it: a new store under a new epoch. No commit under way.
  // What commit_now() comes to from now on; at first it cannot.
  enum class AtOnce { cannot, durable, fails, fails_on_disk };
  void at_once(AtOnce how) { at_once_ = how; }
  void fail_load(std::optional<Error> error) { load_error_ = std::move(error); }
  // Seen by the test: each batch when it becomes durable, before `done` is called.
  void on_durable(std::move_only_function<void(const model::Batch&)> see) { see_ = std::move(see); }

  model::Contents disk() const;
  const model::Epoch& epoch() const { return epoch_; }
  const model::Lease* find(const model::LeaseId& id) const;  // on disk; null: not there

 private:
  struct Waiting {
    std::shared_ptr<const model::Batch> batch;
    std::move_only_function<void(std::expected<void, Error>)> done;
  };
  void write(const model::Batch& batch);
  void write(const model::Record& record);
  Waiting take();

  model::Epoch epoch_;
  bool fresh_ = true;
  std::uint64_t next_serial_ = 1;
  model::Instant at_;
  std::uint64_t next_row_ = 1;
  std::map<std::uint64_t, model::Lease> leases_;  // in the order of asking
  std::map<model::LeaseId, std::uint64_t> rows_;
  std::map<model::GpuId, model::GpuSetting> settings_;
  std::optional<model::ListedInventory> listed_;
  std::map<model::ContainerId, model::Conflict> conflicts_;
  std::map<model::GpuId, model::GpuFaulty> faults_;
  std::optional<Waiting> waiting_;
  AtOnce at_once_ = AtOnce::cannot;
  std::optional<Error> load_error_;
  std::move_only_function<void(const model::Batch&)> see_;
};

}  // namespace gpuhub::store
