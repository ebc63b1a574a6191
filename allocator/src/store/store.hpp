// Port: durable books. Adapter: SQLite (WAL, flushed at each commit); in-memory double beside it.
// The store holds whole records by key; the ledger's events are exactly such records, so that
// storing a batch is a set of upserts in one transaction.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "model/record.hpp"

namespace gpuhub::store {

struct Error { std::string message; };

class Store {
 public:
  virtual ~Store() = default;
  // Reads all. Once, before the first commit. An unreadable or newer store is an error; nothing in
  // it is changed then.
  virtual std::expected<model::Contents, Error> load() = 0;
  // Makes the batch durable, then calls `done` once on the pumping thread, never from inside the
  // call. At most one commit is under way (asserted). After an error the batch may or may not be
  // on disk: the caller must stop and start anew from load().
  // The caller keeps his share of the batch until then, and lets go of it last.
  virtual void commit(std::shared_ptr<const model::Batch> batch,
                      std::move_only_function<void(std::expected<void, Error>)> done) = 0;
  // Makes the batch durable before it returns, on the calling thread: for a caller who spares
  // himself two changes of thread. Calls `meanwhile` once while the disk works, if it does that at
  // all. nullopt: the store cannot do that (now), nothing has happened: use commit(). Not while a
  // commit is under way (asserted). An error means what it means there.
  virtual std::optional<std::expected<void, Error>> commit_now(
      const model::Batch& batch, const std::function<void()>& meanwhile) {
    std::ignore = batch;
    std::ignore = meanwhile;
    return std::nullopt;
  }
  // How long the disk took for the last batch: its flush, without what was worked out before and
  // meanwhile and without the way from thread to thread. nullopt: it is not measured. On the
  // pumping thread, while no commit is under way.
  virtual std::optional<std::chrono::microseconds> disk_time() const { return std::nullopt; }
};

}  // namespace gpuhub::store
