// The tables of the store's file, read and written: which record is which row. Private to store/.
#pragma once

#include <expected>

#include "store/sqlite_db.hpp"

namespace gpuhub::store {

// Everything, after SQLite's own check of the file. The error names table and key.
std::expected<model::Contents, Error> read_contents(Database& db);

// The prepared statements that write a batch.
class BookTables {
 public:
  static std::expected<BookTables, Error> prepare(Database& db);
  // One transaction: all of it, or nothing and the error. Flushed when it returns without one.
  std::expected<void, Error> write(Database& db, const model::Batch& batch);

 private:
  struct Statements {
    Statement lease, lease_forgotten, setting, listed, conflict, conflict_ended, fault,
        fault_cleared, books;
  };
  struct Write;
  explicit BookTables(Statements statements) : statements_(std::move(statements)) {}
  std::expected<void, Error> write_all(Database& db, const model::Batch& batch);
  Statements statements_;
};

}  // namespace gpuhub::store
