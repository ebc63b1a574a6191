#include "store/sqlite_db.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <format>
#include <tuple>

#include "model/assert.hpp"
#include "store/gathered_log.hpp"

namespace gpuhub::store {
namespace {

Error error_of(sqlite3* db, std::string_view what) {
  return Error{std::string{what} + ": " + sqlite3_errmsg(db)};
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
void Database::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }

Statement::Statement(sqlite3* db, sqlite3_stmt* statement) : db_(db), statement_(statement) {}

void Statement::bind(int at, std::string_view text) {
  const int rc = sqlite3_bind_text64(statement_.get(), at, text.data(), text.size(),
                                     SQLITE_STATIC, SQLITE_UTF8);
  GPUHUB_ASSERT(rc == SQLITE_OK);
}

void Statement::bind(int at, std::int64_t number) {
  const int rc = sqlite3_bind_int64(statement_.get(), at, number);
  GPUHUB_ASSERT(rc == SQLITE_OK);
}

void Statement::bind(int at, const std::optional<std::string>& text) {
  if (text) bind(at, std::string_view{*text});
}

void Statement::bind(int at, std::optional<std::int64_t> number) {
  if (number) bind(at, *number);
}

std::expected<bool, Error> Statement::step() {
  const int rc = sqlite3_step(statement_.get());
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) {
    reset();
    return false;
  }
  auto error = error_of(db_, sqlite3_sql(statement_.get()));
  reset();
  return std::unexpected(std::move(error));
}

std::expected<void, Error> Statement::run() {
  const auto row = step();
  if (!row) return std::unexpected(row.error());
  GPUHUB_ASSERT(!*row);
  return {};
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

std::string Statement::text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (bytes == nullptr) return {};
  return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::expected<Database, Error> Database::open(const std::filesystem::path& file) {
  sqlite3* raw = nullptr;
  const int rc = sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                                 gathered_log());
  Database db{raw};
  if (rc != SQLITE_OK) return std::unexpected(error_of(raw, "cannot open it"));
  sqlite3_extended_result_codes(raw, 1);
  return db;
}

std::expected<void, Error> Database::execute(const char* sql) {
  if (sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return std::unexpected(error_of(db_.get(), sql));
  }
  return {};
}

std::expected<Statement, Error> Database::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int rc = sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()),
                                    SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (rc != SQLITE_OK) return std::unexpected(error_of(db_.get(), sql));
  return Statement{db_.get(), raw};
}

std::expected<std::int64_t, Error> Database::number(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return std::unexpected(statement.error());
  const auto row = statement->step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::unexpected(Error{std::string{sql} + ": no answer"});
  return statement->number(0);
}

std::expected<void, Error> Database::keep_log(const std::filesystem::path& file) {
  const auto committed = [](void* pages, sqlite3*, const char*, int in_log) {
    *static_cast<int*>(pages) = in_log;
    return SQLITE_OK;
  };
  sqlite3_wal_hook(db_.get(), committed, log_pages_.get());
  const std::string path = file.string() + "-wal";  // where SQLite has it
  log_ = Descriptor{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  if (log_.fd < 0) return failed("cannot open its log");
  return {};
}

std::expected<void, Error> Database::begin_flush() {
  if (const int rc = write_log(db_.get()); rc != SQLITE_OK) {
    return std::unexpected(Error{std::format("cannot write its log: {}", sqlite3_errstr(rc))});
  }
  // No more than a hint: end_flush() does it all, and finds all errors.
  std::ignore = ::sync_file_range(log_.fd, 0, 0, SYNC_FILE_RANGE_WRITE);
  return {};
}

std::expected<void, Error> Database::end_flush() {
  if (::fdatasync(log_.fd) != 0) return failed("cannot flush its log");
  return {};
}

void Database::give_up() {
  const int rc = sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  GPUHUB_ASSERT(rc == SQLITE_OK);
  given_up_ = true;
  *log_pages_ = 0;
}

void Database::empty_log() {
  if (given_up_) return;
  sqlite3_wal_checkpoint_v2(db_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  *log_pages_ = 0;  // the next commit begins at its start, or else tells how long it is
}

}  // namespace gpuhub::store
