#include "store/schema.hpp"

#include <format>
#include <tuple>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/descriptor.hpp"

namespace gpuhub::store {
namespace {

constexpr std::int64_t application_id = 0x67707568;  // "gpuh": PRAGMA application_id

// Most batches write a lease: its row then says what the books say else (next_serial, at_ms), so
// that no second page is written for each. The greatest of all is what holds; see book_tables.cpp.
constexpr auto tables = R"(
CREATE TABLE books (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  epoch TEXT NOT NULL, next_serial INTEGER NOT NULL, at_ms INTEGER NOT NULL,
  batches INTEGER NOT NULL, listed TEXT
) STRICT;
CREATE TABLE leases (
  place INTEGER PRIMARY KEY, id TEXT NOT NULL, body TEXT NOT NULL,
  next_serial INTEGER, at_ms INTEGER
) STRICT;
CREATE TABLE gpu_settings (
  gpu TEXT PRIMARY KEY, slots INTEGER, label TEXT, drained INTEGER
) STRICT;
CREATE TABLE conflicts (container TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE faults (gpu TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
)";

// From version 1, which knew no queue and no faults: every lease was granted when it was asked for.
constexpr auto from_version_1 = R"(
BEGIN IMMEDIATE;
UPDATE leases SET body = json_set(body,
  '$.request.wait', json('false'), '$.asked_at_ms', json_extract(body, '$.granted_at_ms'),
  '$.queue_expires_at_ms', NULL, '$.ended_at_ms', NULL,
  '$.granted_wall_ms', json_extract(body, '$.created_wall_ms'));
ALTER TABLE gpu_settings ADD COLUMN drained INTEGER;
CREATE TABLE faults (gpu TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
PRAGMA user_version = 2;
COMMIT;
)";

// From version 2, which told serial and time in `books` alone.
constexpr auto from_version_2 = R"(
BEGIN IMMEDIATE;
ALTER TABLE leases ADD COLUMN next_serial INTEGER;
ALTER TABLE leases ADD COLUMN at_ms INTEGER;
PRAGMA user_version = 3;
COMMIT;
)";

// The file is there afterwards, with mode 600.
std::expected<void, Error> ensure_file(const std::filesystem::path& file) {
  const Descriptor made{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (made.fd < 0) return failed("cannot open or make it (its folder must exist and be writable)");
  if (::fchmod(made.fd, 0600) != 0) return failed("cannot set its mode to 600");
  return {};
}

// What was made in the folder is still there after a power cut.
std::expected<void, Error> flush_folder(const std::filesystem::path& file) {
  const auto parent = file.has_parent_path() ? file.parent_path() : std::filesystem::path{"."};
  const Descriptor folder{::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (folder.fd < 0 || ::fsync(folder.fd) != 0) return failed("cannot flush its folder");
  return {};
}

std::expected<void, Error> make_tables(Database& db, const model::Epoch& epoch) {
  auto done = db.execute("BEGIN IMMEDIATE")
                  .and_then([&] { return db.execute(tables); })
                  .and_then([&] { return db.prepare("INSERT INTO books VALUES (1,?,1,0,0,NULL)"); })
                  .and_then([&](Statement insert) {
                    insert.bind(1, std::string_view{epoch.str()});
                    return insert.run();
                  })
                  .and_then([&] {
                    return db.execute(std::format("PRAGMA application_id={};PRAGMA user_version={}",
                                                  application_id, schema_version).c_str());
                  })
                  .and_then([&] { return db.execute("COMMIT"); });
  return done;
}

// Its version: ours, or one that can be brought up to it; 0: empty. Anything else is an error.
std::expected<std::int64_t, Error> version_of(Database& db) {
  const auto id = db.number("PRAGMA application_id");
  if (!id) return std::unexpected(id.error());
  const auto version = db.number("PRAGMA user_version");
  if (!version) return std::unexpected(version.error());
  const auto held = db.number("SELECT count(*) FROM sqlite_master");
  if (!held) return std::unexpected(held.error());
  if (*held == 0 && *id == 0 && *version == 0) return 0;
  if (*id != application_id) {
    return std::unexpected(Error{"it is a database, but not one of gpuhub's; name another file"});
  }
  if (*version < 1 || *version > schema_version) {
    return std::unexpected(Error{std::format(
        "it has version {}, this program knows version {}; start the version that wrote it",
        *version, schema_version)});
  }
  return *version;
}

std::expected<void, Error> bring_up(Database& db, std::int64_t version, const model::Epoch& epoch) {
  if (version == 0) return make_tables(db, epoch);
  if (version == schema_version) return db.execute("BEGIN IMMEDIATE; COMMIT");  // takes the lock
  std::expected<void, Error> done;
  if (version < 2) done = db.execute(from_version_1);
  if (done) done = db.execute(from_version_2);
  if (!done) std::ignore = db.execute("ROLLBACK");
  return done;
}

}  // namespace

std::expected<Database, Error> open_books(const std::filesystem::path& file,
                                          const model::Epoch& fresh_epoch) {
  if (auto there = ensure_file(file); !there) return std::unexpected(there.error());
  auto db = Database::open(file);
  if (!db) return db;
  // The lock first: it lasts from the first read until the process ends, whatever way it ends.
  const auto version =
      db->execute("PRAGMA locking_mode=EXCLUSIVE").and_then([&] { return version_of(*db); });
  if (!version) return std::unexpected(version.error());
  // Rows are written at the end and deleted at the front, nothing is read but at the start: a small
  // cache (KiB) is enough.
  const auto ready = db->execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                                 "PRAGMA cache_size=-256;"
                                 "PRAGMA trusted_schema=OFF")
                         .and_then([&] { return bring_up(*db, *version, fresh_epoch); })
                         .and_then([&] { return flush_folder(file); });
  if (!ready) return std::unexpected(ready.error());
  return db;
}

}  // namespace gpuhub::store
