#include "store/sqlite_store.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "model/assert.hpp"
#include "store/book_tables.hpp"
#include "store/schema.hpp"

namespace gpuhub::store {

using Done = std::move_only_function<void(std::expected<void, Error>)>;
using Outcome = std::expected<void, Error>;

namespace {
// The log (WAL) is moved into the file when so many pages are in it and nobody has committed for a
// while, so that no caller waits for that; at the latest when it is so long.
constexpr int log_pages_enough = 1000;
constexpr int log_pages_max = 4096;
constexpr std::chrono::milliseconds quiet{20};
}  // namespace

struct SqliteStore::State {
  State(std::filesystem::path file_, Database db_, BookTables tables_, Post post_)
      : file(std::move(file_)), post(std::move(post_)), db(std::move(db_)),
        tables(std::move(tables_)) {}

  Error named(const Error& error) const {
    return {"store " + file.string() + ": " + error.message};
  }
  Outcome write(const model::Batch& batch, const std::function<void()>& meanwhile);
  void work();
  bool wait(std::unique_lock<std::mutex>& lock);
  void tell(Outcome outcome);

  const std::filesystem::path file;
  const Post post;

  // ---- the pumping thread's ----
  std::optional<Done> done;  // of the commit under way
  bool committed = false;    // load() comes before the first commit
  // What was posted finds out here that the store has gone.
  std::shared_ptr<State*> self = std::make_shared<State*>(this);

  // ---- of whoever has the mutex, or of the store's thread while it is `at_work` ----
  std::mutex mutex;
  std::condition_variable changed;
  bool at_work = false;
  std::shared_ptr<const model::Batch> waiting;
  bool stop = false;
  std::uint64_t batches = 0;
  Database db;
  BookTables tables;  // after `db`, so that it goes first
  std::optional<Error> broken;
  std::chrono::microseconds disk_time{};

  std::jthread thread;  // last: ends first
};

// SQLite leaves the flush to us (synchronous=NORMAL): so there is something to do meanwhile.
Outcome SqliteStore::State::write(const model::Batch& batch,
                                  const std::function<void()>& meanwhile) {
  using Clock = std::chrono::steady_clock;
  ++batches;
  if (broken) return std::unexpected(*broken);
  const auto flush = [&] {
    meanwhile();
    const auto begun = Clock::now();
    auto flushed = db.end_flush();
    disk_time = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begun);
    return flushed;
  };
  const auto durable =
      tables.write(batch).and_then([&] { return db.begin_flush(); }).and_then(flush);
  if (durable) return {};
  broken = named(durable.error());
  db.give_up();
  return std::unexpected(*broken);
}

void SqliteStore::State::tell(Outcome outcome) {
  post([self = self, outcome = std::move(outcome)]() mutable {
    if (*self == nullptr) return;
    auto tell = std::exchange((*self)->done, std::nullopt);
    GPUHUB_ASSERT(tell.has_value());
    (*tell)(std::move(outcome));
  });
}

// Until there is something to do. False: to empty the log; true: to write what waits, or to stop.
bool SqliteStore::State::wait(std::unique_lock<std::mutex>& lock) {
  const auto called = [this] { return waiting != nullptr || stop; };
  while (true) {
    changed.wait(lock, [&] { return called() || db.log_pages() >= log_pages_enough; });
    if (called() && db.log_pages() < log_pages_max) return true;
    if (db.log_pages() >= log_pages_max) return false;
    const std::uint64_t before = batches;
    if (changed.wait_for(lock, quiet, called)) continue;
    if (batches == before) return false;
  }
}

// The store's thread: writes what waits, until told to stop.
void SqliteStore::State::work() {
  std::unique_lock lock(mutex);
  while (true) {
    const bool to_write = wait(lock);
    auto batch = to_write ? std::exchange(waiting, nullptr) : nullptr;
    if (to_write && !batch) return;
    at_work = true;
    lock.unlock();
    std::optional<Outcome> outcome;
    if (batch) {
      outcome = write(*batch, [] {});
      batch.reset();  // what was allocated on the pumping thread is freed there
    } else {
      db.empty_log();
    }
    lock.lock();
    at_work = false;
    if (!outcome) continue;
    lock.unlock();
    tell(*std::move(outcome));
    lock.lock();
  }
}

SqliteStore::SqliteStore(std::unique_ptr<State> state) : state_(std::move(state)) {
  state_->thread = std::jthread([s = state_.get()] { s->work(); });
}

SqliteStore::~SqliteStore() {
  *state_->self = nullptr;
  {
    const std::scoped_lock lock(state_->mutex);
    state_->stop = true;  // a batch that still waits is written before the thread ends
  }
  state_->changed.notify_one();
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
  if (const auto kept = db->keep_log(file); !kept) return named(kept.error());
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

void SqliteStore::commit(std::shared_ptr<const model::Batch> batch, Done done) {
  GPUHUB_ASSERT(!state_->done);
  state_->committed = true;
  state_->done = std::move(done);
  {
    const std::scoped_lock lock(state_->mutex);
    state_->waiting = std::move(batch);
  }
  state_->changed.notify_one();
}

std::optional<Outcome> SqliteStore::commit_now(const model::Batch& batch,
                                               const std::function<void()>& meanwhile) {
  GPUHUB_ASSERT(!state_->done);
  state_->committed = true;
  const std::scoped_lock lock(state_->mutex);
  if (state_->at_work) return std::nullopt;
  const int before = state_->db.log_pages();
  auto outcome = state_->write(batch, meanwhile);
  // From here on the thread looks at it by itself.
  if (before < log_pages_enough && state_->db.log_pages() >= log_pages_enough) {
    state_->changed.notify_one();
  }
  return outcome;
}

// Without the mutex: the store's thread has told that it is done with the batch.
std::optional<std::chrono::microseconds> SqliteStore::disk_time() const {
  return state_->disk_time;
}

}  // namespace gpuhub::store
