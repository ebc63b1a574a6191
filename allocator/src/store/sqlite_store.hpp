// The durable books in one SQLite file: WAL, one transaction per batch, its log flushed by us
// on a thread of its own so that the pumping thread waits for the disk only where it wants to. One
// process at a time: the file stays locked while this object lives.
#pragma once

#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "store/store.hpp"

namespace gpuhub::store {

// Runs a closure on the pumping thread, later. Called on the store's thread.
using Post = std::function<void(std::move_only_function<void()>)>;

class SqliteStore final : public Store {
 public:
  // Opens the file, or makes it (mode 600; its folder must exist) with `fresh_epoch`, which is not
  // used otherwise. Error: it cannot be made, read or written; another process has it; it is no
  // store of ours, or one of a newer version. Nothing in it is changed then. A file made by half (a
  // crash at the very first start) is made anew.
  static std::expected<std::unique_ptr<SqliteStore>, Error> create(
      const std::filesystem::path& file, Post post, model::Epoch fresh_epoch);
  // On the pumping thread. A commit under way is finished; its `done` is not called any more.
  ~SqliteStore() override;

  // Reads on the calling thread. Damage that SQLite finds, and a row that breaks a rule, are
  // errors that name file, table and key. `fresh` is true until a first batch is on disk.
  std::expected<model::Contents, Error> load() override;
  // After a first error every later commit fails as well: the store must be loaded anew.
  void commit(std::shared_ptr<const model::Batch> batch,
              std::move_only_function<void(std::expected<void, Error>)> done) override;
  // nullopt while the log is moved into the file, which is done when nobody commits, or at last
  // when it has grown long.
  std::optional<std::expected<void, Error>> commit_now(
      const model::Batch& batch, const std::function<void()>& meanwhile) override;
  std::optional<std::chrono::microseconds> disk_time() const override;

 private:
  struct State;
  explicit SqliteStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace gpuhub::store
