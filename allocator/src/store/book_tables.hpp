// The tables of the store's file, read and written: which record is which row. Private to store/.
#pragma once

#include <boost/unordered/unordered_node_map.hpp>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "store/sqlite_db.hpp"

namespace gpuhub::store {

// Everything, after SQLite's own check of the file. The error names table and key.
std::expected<model::Contents, Error> read_contents(Database& db);

// Writes batches: prepared statements, and where each lease's row is.
class BookTables {
 public:
  static std::expected<BookTables, Error> prepare(Database& db);
  // One transaction: all of it, or nothing and the error. It stands in the database's log then,
  // which is not flushed yet. After an error it must not be used again.
  std::expected<void, Error> write(const model::Batch& batch);

 private:
  struct Statements {
    Statement begin, commit, rollback;
    Statement lease_new, lease, lease_forgotten;
    Statement setting, listed, conflict, conflict_ended, fault, fault_cleared, books;
  };
  struct Row {                     // of a lease
    std::int64_t place = 0;        // 0: not there yet
    std::size_t last = 0;          // of the batch being written, the last record of this lease
  };
  struct Write;
  explicit BookTables(Statements statements) : statements_(std::move(statements)) {}
  std::expected<void, Error> find_rows(Database& db);
  std::expected<void, Error> write_books(const model::Batch& batch);
  void find_last(const model::Batch& batch);
  std::expected<void, Error> write_all(const model::Batch& batch);

  Statements statements_;
  // Kept here, not as an index in the file: that would double the work of every new lease.
  boost::unordered_node_map<model::LeaseId, Row, std::hash<model::LeaseId>> rows_;
  std::int64_t next_place_ = 1;
  bool fresh_ = false;             // no batch has been written yet
  std::vector<Row*> row_of_;       // of each record of the batch being written; null: no lease's
};

}  // namespace gpuhub::store
