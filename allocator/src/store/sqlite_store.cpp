#include "store/sqlite_store.hpp"

#include <condition_variable>
#include <format>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "model/assert.hpp"
#include "store/book_tables.hpp"
#include "store/schema.hpp"

namespace gpuhub::store {

using Done = std::move_only_function<void(std::expected<void, Error>)>;

struct SqliteStore::State {
  State(std::filesystem::path file_, Database db_, BookTables tables_, Post post_)
      : file(std::move(file_)), db(std::move(db_)), tables(std::move(tables_)),
        post(std::move(post_)) {}

  Error named(const Error& error) const {
    return {"store " + file.string() + ": " + error.message};
  }
  void work(const std::stop_token& stop);

  const std::filesystem::path file;
  Database db;        // the thread's while a batch waits or is written, else the pumping thread's
  BookTables tables;  // likewise; before `thread`, so that it outlives it
  const Post post;

  // ---- the pumping thread's ----
  std::optional<Done> done;  // of the commit under way
  bool committed = false;    // load() comes before the first commit
  // What was posted finds out here that the store has gone.
  std::shared_ptr<State*> self = std::make_shared<State*>(this);

  // ---- between the two ----
  std::mutex mutex;
  std::condition_variable_any changed;
  std::optional<model::Batch> waiting;

  std::jthread thread;  // last: ends first
};

// The store's thread: writes what waits, until told to stop.
void SqliteStore::State::work(const std::stop_token& stop) {
  std::optional<Error> broken;
  while (true) {
    std::optional<model::Batch> batch;
    {
      std::unique_lock lock(mutex);
      if (!changed.wait(lock, stop, [&] { return waiting.has_value(); })) return;
      batch.swap(waiting);
    }
    if (!broken) {
      if (auto written = tables.write(db, *batch); !written) broken = named(written.error());
    }
    std::expected<void, Error> outcome;
    if (broken) outcome = std::unexpected(*broken);
    post([self = self, outcome = std::move(outcome)]() mutable {
      if (*self == nullptr) return;
      auto tell = std::exchange((*self)->done, std::nullopt);
      GPUHUB_ASSERT(tell.has_value());
      (*tell)(std::move(outcome));
    });
  }
}

SqliteStore::SqliteStore(std::unique_ptr<State> state) : state_(std::move(state)) {
  state_->thread = std::jthread([s = state_.get()](const std::stop_token& stop) { s->work(stop); });
}

SqliteStore::~SqliteStore() {
  *state_->self = nullptr;
  state_->thread.request_stop();  // a batch that still waits is written before the thread ends
  state_->thread.join();
}

std::expected<std::unique_ptr<SqliteStore>, Error> SqliteStore::create(
    const std::filesystem::path& file, Post post, model::Epoch fresh_epoch) {
  const auto named = [&](const Error& error) {
    return std::unexpected(Error{"store " + file.string() + ": " + error.message});
  };
  auto db = open_books(file, fresh_epoch);
  if (!db) return named(db.error());
  auto tables = BookTables::prepare(*db);
  if (!tables) return named(tables.error());
  auto state =
      std::make_unique<State>(file, *std::move(db), *std::move(tables), std::move(post));
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(state)));
}

std::expected<model::Contents, Error> SqliteStore::load() {
  GPUHUB_ASSERT(!state_->committed);
  auto contents = read_contents(state_->db);
  if (!contents) return std::unexpected(state_->named(contents.error()));
  return contents;
}

void SqliteStore::commit(model::Batch batch, Done done) {
  GPUHUB_ASSERT(!state_->done);
  state_->committed = true;
  state_->done = std::move(done);
  {
    const std::scoped_lock lock(state_->mutex);
    state_->waiting = std::move(batch);
  }
  state_->changed.notify_one();
}

}  // namespace gpuhub::store
