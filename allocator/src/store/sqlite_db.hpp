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

#include "store/descriptor.hpp"
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

  // From now on the log is not emptied and not flushed by commits; both are for the caller to do.
  // Of a database in WAL mode with synchronous=NORMAL at `file`. Error: its log cannot be opened a
  // second time. Moving the database keeps that.
  std::expected<void, Error> keep_log(const std::filesystem::path& file);
  // Has the disk begin to write what commits have put into the log. Does not wait for it.
  std::expected<void, Error> begin_flush();
  // Returns once that is durable.
  std::expected<void, Error> end_flush();
  // After an error of these two SQLite believes in what may never have got into the log: from now
  // on nothing moves it into the file, not even closing. Nothing else may be asked.
  void give_up();
  int log_pages() const { return *log_pages_; }  // that may be moved, after the last commit
  // Moves what the log holds into the file. A failure harms nothing: the log stays the truth.
  void empty_log();

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  explicit Database(sqlite3* db) : db_(db) {}
  // SQLite's own is not to be had. Nobody locks a log, so that closing this one takes no lock away.
  Descriptor log_;
  bool given_up_ = false;
  std::unique_ptr<int> log_pages_ = std::make_unique<int>(0);
  std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace gpuhub::store
