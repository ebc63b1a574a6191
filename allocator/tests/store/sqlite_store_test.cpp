// The SQLite store: reopened, damaged, foreign, locked, unwritable.
#include <csignal>
#include <fstream>
#include <tuple>

#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pump.hpp"
#include "store/schema.hpp"

namespace gpuhub::store {
namespace {

class SqliteStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<SqliteStore> open(const char* fresh = "e1") {
    auto made = SqliteStore::create(folder.file(), pump.post(), epoch(fresh));
    EXPECT_TRUE(made) << made.error().message;
    return made ? *std::move(made) : nullptr;
  }
  std::string open_error() {
    const auto made = SqliteStore::create(folder.file(), pump.post(), epoch("other"));
    return made ? "opened" : made.error().message;
  }
  // Changes the closed file behind the store's back.
  void sql(const char* text) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(folder.file().c_str(), &db), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(db, text, nullptr, nullptr, &error), SQLITE_OK) << error;
    sqlite3_close(db);
  }
  std::string load_error() {
    const auto contents = open()->load();
    return contents ? "loaded" : contents.error().message;
  }

  Folder folder;
  Pump pump;
};

bool holds(const std::string& text, std::string_view part) { return text.contains(part); }

TEST_F(SqliteStoreTest, AFreshStoreIsEmptyAndOnlyForItsOwner) {
  auto store = open();
  const auto contents = store->load();
  ASSERT_TRUE(contents) << contents.error().message;
  EXPECT_EQ(show(*contents), "serial 1 at 0\n");
  EXPECT_EQ(contents->epoch.str(), "e1");
  EXPECT_TRUE(contents->fresh);
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    struct stat info{};
    ASSERT_EQ(::stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << entry.path();
  }
}

TEST_F(SqliteStoreTest, AllKindsOfRecordsAreThereAfterReopening) {
  auto store = open();
  EXPECT_EQ(commit(*store, pump, batch({lease(1), active(2), ended(3), queued(4)}, 4, 10)), "");
  EXPECT_EQ(commit(*store, pump,
                   batch({model::GpuSetting{gpu(1), 2, "desk", {}},
                          model::GpuSetting{gpu(2), {}, {}, true}, listed(), conflict(9),
                          conflict(8), fault(1), fault(2), model::FaultCleared{gpu(1)}}, 4, 20)),
            "");
  store.reset();
  const auto contents = open("never-used")->load();
  ASSERT_TRUE(contents) << contents.error().message;
  EXPECT_EQ(show(*contents),
            "serial 4 at 20\n" + write_lease(lease(1)) + "\n" + write_lease(active(2)) + "\n" +
                write_lease(ended(3)) + "\n" + write_lease(queued(4)) +
                "\nsetting GPU-1 2 desk\nsetting GPU-2 -1 - drained\n" +
                write_listed(listed()) + "\n" + write_conflict(conflict(8)) + "\n" +
                write_conflict(conflict(9)) + "\n" + write_fault(fault(2)) + "\n");
  EXPECT_EQ(contents->epoch.str(), "e1");
  EXPECT_FALSE(contents->fresh);
}

TEST_F(SqliteStoreTest, AChangedLeaseKeepsItsPlaceAndAForgottenOneGoes) {
  auto store = open();
  EXPECT_EQ(commit(*store, pump, batch({lease(1), lease(2), lease(3)})), "");
  EXPECT_EQ(commit(*store, pump, batch({ended(1), model::LeaseForgotten{lease_id(2)},
                                        model::ConflictEnded{container(5)}})), "");
  EXPECT_EQ(commit(*store, pump, batch({lease(4)})), "");
  store.reset();
  const auto contents = open()->load();
  ASSERT_TRUE(contents) << contents.error().message;
  EXPECT_EQ(show(*contents), "serial 1 at 0\n" + write_lease(ended(1)) + "\n" +
                                 write_lease(lease(3)) + "\n" + write_lease(lease(4)) + "\n");
}

// Only the last of them counts, at the place of the first.
TEST_F(SqliteStoreTest, ALeaseMayChangeSeveralTimesInOneBatch) {
  auto store = open();
  EXPECT_EQ(commit(*store, pump, batch({lease(1), lease(2), active(1), lease(3), ended(1)})), "");
  EXPECT_EQ(commit(*store, pump, batch({lease(4), active(3), ended(3), lease(5),
                                        model::LeaseForgotten{lease_id(3)},
                                        model::LeaseForgotten{lease_id(4)},
                                        model::LeaseForgotten{lease_id(99)}})), "");
  store.reset();
  const auto contents = open()->load();
  ASSERT_TRUE(contents) << contents.error().message;
  EXPECT_EQ(show(*contents), "serial 1 at 0\n" + write_lease(ended(1)) + "\n" +
                                 write_lease(lease(2)) + "\n" + write_lease(lease(5)) + "\n");
}

TEST_F(SqliteStoreTest, ACommitOnTheCallingThreadIsDurableWhenItReturns) {
  auto store = open();
  for (int n = 1; n <= 20; n += 2) {
    const auto outcome = store->commit_now(batch({lease(n)}), [] {});
    ASSERT_TRUE(outcome) << "the store has nothing else to do";
    EXPECT_TRUE(*outcome);
    EXPECT_EQ(commit(*store, pump, batch({lease(n + 1)})), "");
  }
  EXPECT_TRUE(pump.empty());
  store.reset();
  EXPECT_EQ(open()->load()->leases.size(), 20U);
}

// The log is emptied while nobody waits for it, or at last when it has grown long.
TEST_F(SqliteStoreTest, TheLogStaysShort) {
  auto store = open();
  for (int i = 0; i < 40; ++i) {
    std::vector<model::Record> many;
    for (int n = 1; n <= 2000; ++n) many.emplace_back(i % 2 == 0 ? active(n) : ended(n));
    if (i % 3 == 0 && store->commit_now(batch(many), [] {})) continue;
    ASSERT_EQ(commit(*store, pump, batch(std::move(many))), "");
  }
  const auto log = std::filesystem::path{folder.file().string() + "-wal"};
  EXPECT_LT(std::filesystem::file_size(log), 6000U * 4096U);
  EXPECT_GT(std::filesystem::file_size(folder.file()), 250U * 4096U);
  EXPECT_EQ(commit(*store, pump, batch({lease(1)})), "");
}

TEST_F(SqliteStoreTest, FreshUntilABatchIsOnDisk) {
  open().reset();
  auto store = open();
  EXPECT_TRUE(store->load()->fresh);
  EXPECT_EQ(commit(*store, pump, batch({})), "");
  store.reset();
  EXPECT_FALSE(open()->load()->fresh);
}

// They stand in the row that a batch writes last, and go when it does; the greatest counts.
TEST_F(SqliteStoreTest, SerialAndTimeAreThoseOfTheLastBatch) {
  const auto shown = [&] { return show(*open()->load()).substr(0, 15); };
  const auto write = [&](std::vector<model::Record> records, std::uint64_t serial,
                         std::int64_t at) {
    EXPECT_EQ(commit(*open(), pump, batch(std::move(records), serial, at)), "");
  };
  write({lease(1)}, 2, 10);
  EXPECT_EQ(shown(), "serial 2 at 10\n");
  write({lease(2), lease(3)}, 4, 20);
  EXPECT_EQ(shown(), "serial 4 at 20\n");
  write({ended(1)}, 4, 30);
  EXPECT_EQ(shown(), "serial 4 at 30\n");
  write({ended(2), ended(3)}, 4, 40);
  write({model::LeaseForgotten{lease(3).id}, model::LeaseForgotten{lease(2).id}}, 4, 50);
  EXPECT_EQ(shown(), "serial 4 at 50\n");
  write({lease(4), ended(4), model::LeaseForgotten{lease(4).id}}, 5, 60);
  EXPECT_EQ(shown(), "serial 5 at 60\n");
  write({lease(5), model::LeaseForgotten{lease(1).id}}, 6, 70);
  EXPECT_EQ(shown(), "serial 6 at 70\n");
  sql("UPDATE leases SET next_serial=0");
  EXPECT_TRUE(holds(load_error(), "table leases, row L-e1-5: next_serial: out of range"));
}

TEST_F(SqliteStoreTest, OneProcessAtATime) {
  const auto store = open();
  EXPECT_TRUE(holds(open_error(), "locked")) << open_error();
}

// A file as version 1 wrote it, before there was a queue.
TEST_F(SqliteStoreTest, AnOlderStoreIsBroughtUp) {
  open().reset();
  sql("DROP TABLE faults; DROP TABLE gpu_settings;"
      "ALTER TABLE leases DROP COLUMN next_serial; ALTER TABLE leases DROP COLUMN at_ms;"
      "CREATE TABLE gpu_settings (gpu TEXT PRIMARY KEY, slots INTEGER, label TEXT) STRICT;"
      "INSERT INTO gpu_settings VALUES ('GPU-1', 2, 'desk'); PRAGMA user_version=1;"
      "INSERT INTO leases (id, body) VALUES ('L-e1-1', '{\"id\":\"L-e1-1\",\"request\":{"
      "\"id\":\"r1\",\"owner\":{\"hub\":\"hub\",\"user\":\"ana\",\"server\":\"\"},\"groups\":[],"
      "\"want\":{\"kind\":\"count\",\"count\":1},\"mode\":\"shared\",\"capabilities\":[]},"
      "\"host\":\"h1\",\"epoch\":\"e1\",\"state\":\"granted\",\"gpus\":[\"GPU-1\"],"
      "\"container\":null,\"granted_at_ms\":1001,\"bind_expires_at_ms\":181001,"
      "\"created_wall_ms\":1790000000001,\"bound_wall_ms\":null,\"ended_wall_ms\":null,"
      "\"reason\":null,\"exit_code\":null,\"oom_killed\":null}')");
  const auto contents = open()->load();
  ASSERT_TRUE(contents) << contents.error().message;
  auto expected = lease(1);
  expected.request.groups.clear();
  expected.request.capabilities = {};
  expected.asked_at = model::Instant{1001};
  expected.granted_wall = expected.created_wall;
  EXPECT_EQ(show(*contents),
            "serial 1 at 0\n" + write_lease(expected) + "\nsetting GPU-1 2 desk\n");
}

// As version 2 wrote it: serial and time in `books` alone, what a lease lacks as null.
TEST_F(SqliteStoreTest, AStoreOfVersion2IsBroughtUpAndGoesOn) {
  auto store = open();
  EXPECT_EQ(commit(*store, pump, batch({lease(1)}, 2, 10)), "");
  store.reset();
  sql("ALTER TABLE leases DROP COLUMN next_serial; ALTER TABLE leases DROP COLUMN at_ms;"
      "UPDATE leases SET body = json_set(body, '$.container', NULL, '$.exit_code', NULL);"
      "UPDATE books SET next_serial = 5, at_ms = 50; PRAGMA user_version=2");
  store = open();
  auto contents = store->load();
  ASSERT_TRUE(contents) << contents.error().message;
  EXPECT_FALSE(contents->fresh);
  EXPECT_EQ(show(*contents), "serial 5 at 50\n" + write_lease(lease(1)) + "\n");
  EXPECT_EQ(commit(*store, pump, batch({ended(1)}, 6, 60)), "");
  store.reset();
  EXPECT_EQ(show(*open()->load()), "serial 6 at 60\n" + write_lease(ended(1)) + "\n");
}

TEST_F(SqliteStoreTest, ANewerStoreIsRefusedAndLeftAlone) {
  open().reset();
  sql("PRAGMA user_version=4");
  EXPECT_TRUE(holds(open_error(), "it has version 4, this program knows version 3"));
  sql("PRAGMA user_version=3");
  EXPECT_EQ(load_error(), "loaded");
}

TEST_F(SqliteStoreTest, AForeignDatabaseIsRefusedAndLeftAlone) {
  sql("CREATE TABLE songs (name TEXT)");
  EXPECT_TRUE(holds(open_error(), "not one of gpuhub's"));
  sql("INSERT INTO songs VALUES ('still here')");
}

TEST_F(SqliteStoreTest, AFileThatIsNoDatabaseIsRefused) {
  std::ofstream{folder.file()} << std::string(4096, 'x');
  EXPECT_TRUE(holds(open_error(), "file is not a database")) << open_error();
}

TEST_F(SqliteStoreTest, AStoreMadeByHalfIsMadeAnew) {
  std::ofstream{folder.file()}.flush();
  EXPECT_EQ(load_error(), "loaded");
}

TEST_F(SqliteStoreTest, AFolderThatIsNotThere) {
  const auto made = SqliteStore::create("/nowhere/at/all.sqlite", pump.post(), epoch("e"));
  ASSERT_FALSE(made);
  EXPECT_TRUE(holds(made.error().message, "store /nowhere/at/all.sqlite: cannot open or make it"));
  EXPECT_TRUE(holds(made.error().message, "No such file or directory"));
}

TEST_F(SqliteStoreTest, AFolderThatCannotBeWritten) {
  std::filesystem::permissions(folder.path(), std::filesystem::perms{0555});
  const auto me = ::geteuid();
  if (me == 0) { ASSERT_EQ(::seteuid(65534), 0); }  // root may write everywhere
  const auto error = open_error();
  if (me == 0) { ASSERT_EQ(::seteuid(me), 0); }
  EXPECT_TRUE(holds(error, "Permission denied")) << error;
  std::filesystem::permissions(folder.path(), std::filesystem::perms{0700});
}

TEST_F(SqliteStoreTest, ADirectoryInItsPlace) {
  std::filesystem::create_directory(folder.file());
  EXPECT_TRUE(holds(open_error(), "Is a directory")) << open_error();
}

TEST_F(SqliteStoreTest, ABadRowNamesTableAndKey) {
  auto store = open();
  EXPECT_EQ(commit(*store, pump, batch({lease(1), conflict(2), listed(),
                                        model::GpuSetting{gpu(1), 2, {}, {}}})), "");
  store.reset();
  sql("UPDATE leases SET body = replace(body, '\"granted\"', '\"grunted\"')");
  EXPECT_TRUE(load_error().ends_with("table leases, row L-e1-1: state: no state of a lease"))
      << load_error();
  sql("UPDATE leases SET body = replace(body, '\"grunted\"', '\"granted\"'), id='L-e1-7'");
  EXPECT_TRUE(load_error().ends_with("row L-e1-7: its body names L-e1-1")) << load_error();
  sql("INSERT INTO leases (id, body) SELECT id, body FROM leases");
  EXPECT_TRUE(holds(open_error(), "table leases, row L-e1-7: stands there twice")) << open_error();
  sql("DELETE FROM leases WHERE place > 1");
  sql("UPDATE leases SET id='L-e1-1'; UPDATE gpu_settings SET slots=65");
  EXPECT_TRUE(load_error().ends_with("table gpu_settings, row GPU-1: slots: out of range"));
  sql("UPDATE gpu_settings SET slots=1; UPDATE conflicts SET body='{'");
  EXPECT_TRUE(holds(load_error(), "table conflicts, row 0000")) << load_error();
  sql("DELETE FROM conflicts; UPDATE books SET next_serial=0");
  EXPECT_TRUE(holds(load_error(), "table books, row 1: next_serial: out of range"));
  sql("DELETE FROM books");
  EXPECT_TRUE(holds(load_error(), "table books, row 1: missing"));
}

TEST_F(SqliteStoreTest, ATornFileIsAnErrorNeverAGuess) {
  auto store = open();
  std::vector<model::Record> many;
  for (int n = 1; n <= 400; ++n) many.emplace_back(ended(n));
  EXPECT_EQ(commit(*store, pump, batch(std::move(many))), "");
  store.reset();
  const auto size = std::filesystem::file_size(folder.file());
  ASSERT_GT(size, 20U * 4096U);
  {
    std::fstream file{folder.file(), std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(static_cast<std::streamoff>(size / 2 / 4096 * 4096));
    file << std::string(4096, '\xff');
  }
  const auto made = SqliteStore::create(folder.file(), pump.post(), epoch("e"));
  if (made) { EXPECT_FALSE((*made)->load()); }
}

TEST_F(SqliteStoreTest, AFileCutShortIsAnError) {
  auto store = open();
  std::vector<model::Record> many;
  for (int n = 1; n <= 400; ++n) many.emplace_back(ended(n));
  EXPECT_EQ(commit(*store, pump, batch(std::move(many))), "");
  store.reset();
  std::filesystem::resize_file(folder.file(), 10 * 4096);
  const auto made = SqliteStore::create(folder.file(), pump.post(), epoch("e"));
  if (made) { EXPECT_FALSE((*made)->load()); }
}

TEST_F(SqliteStoreTest, AfterItsEndNobodyIsTold) {
  bool told = false;
  {
    auto store = open();
    store->commit(std::make_shared<const model::Batch>(batch({lease(1)})),
                  [&](auto) { told = true; });
  }
  pump.run_one();  // it was written, and its message came too late
  EXPECT_FALSE(told);
  EXPECT_EQ(open()->load()->leases.size(), 1U);
}

// The disk is full: files may not grow any more.
class FullDisk {
 public:
  FullDisk() {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{.rlim_cur = 4096, .rlim_max = before_.rlim_max};
    old_ = std::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::ignore = std::signal(SIGXFSZ, old_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
  void (*old_)(int) = nullptr;
};

TEST_F(SqliteStoreTest, AFailedCommitIsToldAndTheNextFailsToo) {
  auto store = open();
  EXPECT_EQ(commit(*store, pump, batch({lease(1)})), "");
  {
    const FullDisk full;
    EXPECT_TRUE(holds(commit(*store, pump, batch({ended(1), lease(2)})), "store /"));
  }
  EXPECT_NE(commit(*store, pump, batch({lease(3)})), "");
  const auto outcome = store->commit_now(batch({lease(3)}), [] {});
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(*outcome);
  store.reset();
  EXPECT_EQ(show(*open()->load()), "serial 1 at 0\n" + write_lease(lease(1)) + "\n");
}

// Where the failed one was to stand in the log stand older pages, which are not to come back.
TEST_F(SqliteStoreTest, AFailedCommitBringsNothingOldBack) {
  const auto first = [](int count, const auto& make) {
    std::vector<model::Record> all;
    for (int n = 1; n <= count; ++n) all.emplace_back(make(n));
    return batch(std::move(all));
  };
  const auto granted = [](int n) { return lease(n); };
  for (const bool at_once : {false, true}) {
    auto store = open();
    // So much that the log is emptied in between and begins anew.
    for (int i = 0; i < 30; ++i) {
      ASSERT_EQ(commit(*store, pump, i % 2 == 0 ? first(2000, active) : first(2000, ended)), "");
    }
    {
      const FullDisk full;
      std::optional<std::expected<void, Error>> outcome;
      // Not while the log is being emptied.
      while (at_once && !outcome) outcome = store->commit_now(first(5, granted), [] {});
      EXPECT_NE(commit(*store, pump, first(5, granted)), "");
      EXPECT_FALSE(outcome.value_or(std::unexpected(Error{})));
    }
    store.reset();
    const auto after = open()->load();
    ASSERT_TRUE(after) << after.error().message;
    ASSERT_EQ(after->leases.size(), 2000U);
    for (int n = 1; const auto& one : after->leases) {
      ASSERT_EQ(write_lease(one), write_lease(ended(n++)));
    }
  }
}

TEST_F(SqliteStoreTest, ADatabaseGivenUpMovesNothingFromItsLog) {
  const auto file_size = [&] { return std::filesystem::file_size(folder.file()); };
  {
    auto db = open_books(folder.file(), epoch("e1"));
    ASSERT_TRUE(db && db->keep_log(folder.file()));
    ASSERT_TRUE(db->execute("CREATE TABLE more (text TEXT); INSERT INTO more VALUES ('a')"));
    ASSERT_GT(db->log_pages(), 0);
    const auto before = file_size();
    db->give_up();
    db->empty_log();
    EXPECT_EQ(db->log_pages(), 0) << "nobody is to come for them";
    EXPECT_EQ(file_size(), before);
  }
  const auto closed = file_size();
  auto db = open_books(folder.file(), epoch("e1"));
  ASSERT_TRUE(db && db->keep_log(folder.file()));
  db->empty_log();
  EXPECT_GT(file_size(), closed) << "there was something to move";
}

// A flush must reach the log that SQLite writes.
TEST_F(SqliteStoreTest, TheLogThatIsFlushedIsTheOneThatIsWritten) {
  auto store = open();
  EXPECT_EQ(commit(*store, pump, batch({lease(1)})), "");
  store.reset();
  store = open();
  EXPECT_EQ(commit(*store, pump, batch({lease(2)})), "");
  const auto log = folder.file().string() + "-wal";
  int open_ones = 0;
  for (const auto& fd : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    std::error_code gone;
    if (std::filesystem::read_symlink(fd.path(), gone) == log) ++open_ones;
  }
  EXPECT_EQ(open_ones, 2) << "SQLite's own and ours, of the file that has this name";
}

}  // namespace
}  // namespace gpuhub::store
