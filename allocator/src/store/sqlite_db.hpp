// SQLite's C interface as two values that own what they open. Used by sqlite_store only; one thread
// at a time. Every failure is SQLite's own words with what was tried; nothing is retried here.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "store/store.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace gpuhub::store {

// A prepared statement, used again and again: bind by position from 1, step(), reset().
// Must not outlive its Database.
class Statement {
 public:
  Statement(sqlite3* db, sqlite3_stmt* statement);
  void bind(int at, std::string_view text);  // not copied: must stay until the reset
  void bind(int at, std::int64_t number);
  void bind(int at, const std::optional<std::string>& text);  // nullopt: NULL
  void bind(int at, std::optional<std::int64_t> number);
  // True: a row stands ready to be read; false: done (and reset).
  std::expected<bool, Error> step();
  // step() for statements that give no rows.
  std::expected<void, Error> run();
  void reset();  // forgets the row and what was bound

  // Columns of the row, from 0. Text may hold anything, NUL bytes too.
  std::string text(int column) const;
  std::int64_t number(int column) const;
  bool is_null(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  sqlite3* db_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  // Opens an existing file (an empty one is an empty database). Waits for nobody: a file that
  // another process has locked is an error.
  static std::expected<Database, Error> open(const std::filesystem::path& file);
  std::expected<void, Error> execute(const char* sql);
  std::expected<Statement, Error> prepare(std::string_view sql);
  // The one number that `sql` selects.
  std::expected<std::int64_t, Error> number(std::string_view sql);

  // From now on the log is not emptied by commits; it is for the caller to do. Moving the database
  // keeps that.
  void keep_log();
  int log_pages() const { return *log_pages_; }  // after the last commit
  // Moves what the log holds into the file. A failure harms nothing: the log stays the truth.
  void empty_log();

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  explicit Database(sqlite3* db) : db_(db) {}
  std::unique_ptr<int> log_pages_ = std::make_unique<int>(0);
  std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace gpuhub::store
