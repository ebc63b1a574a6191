#include "store/book_tables.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <limits>
#include <set>
#include <tuple>
#include <utility>

#include "store/rows.hpp"

namespace gpuhub::store {
namespace {

std::unexpected<Error> bad_row(std::string_view table, std::string_view key,
                               std::string_view what) {
  return std::unexpected(Error{std::format("table {}, row {}: {}", table, key, what)});
}

using Result = std::expected<void, Error>;

// Calls `row` for each row of the query; stops at the first error.
template <typename Row>
Result each(Database& db, std::string_view sql, Row row) {
  auto query = db.prepare(sql);
  if (!query) return std::unexpected(query.error());
  while (true) {
    const auto there = query->step();
    if (!there) return std::unexpected(there.error());
    if (!*there) return {};
    if (Result done = row(*query); !done) return done;
  }
}

Result check_file(Database& db) {
  return each(db, "PRAGMA quick_check(1)", [](const Statement& row) -> Result {
    if (row.text(0) == "ok") return {};
    return std::unexpected(Error{"the file is damaged: " + row.text(0)});
  });
}

Result read_books(const Statement& row, std::optional<model::Contents>& into) {
  const auto epoch = model::Epoch::parse(row.text(0));
  const auto serial = row.number(1);
  const auto at = row.number(2);
  if (!epoch) return bad_row("books", "1", "epoch: no such name");
  if (serial < 1) return bad_row("books", "1", "next_serial: out of range");
  if (at < 0) return bad_row("books", "1", "at_ms: out of range");
  into = model::Contents{.epoch = *epoch, .fresh = row.number(3) == 0,
                         .next_serial = static_cast<std::uint64_t>(serial), .at = {at},
                         .leases = {}, .gpu_settings = {}, .listed = {}, .conflicts = {},
                         .faults = {}};
  if (row.is_null(4)) return {};
  auto listed = read_listed(row.text(4));
  if (!listed) return bad_row("books", "listed", listed.error());
  into->listed = *std::move(listed);
  return {};
}

// Names that many leases have, each kept once.
struct Known {
  std::set<model::HubName> hubs;
  std::set<model::HostName> hosts;
  std::set<model::Epoch> epochs;
  std::set<model::GpuId> gpus;
  std::set<model::SharedList<std::string>> capabilities;

  void share(model::Lease& lease) {
    lease.request.owner.hub = *hubs.insert(lease.request.owner.hub).first;
    lease.request.capabilities = *capabilities.insert(lease.request.capabilities).first;
    lease.host = *hosts.insert(lease.host).first;
    lease.epoch = *epochs.insert(lease.epoch).first;
    for (auto& gpu : lease.gpus) gpu = *gpus.insert(gpu).first;
  }
};

// Serial and time as of the batch that wrote the row.
Result read_progress(const Statement& row, std::string_view key, model::Contents& into) {
  if (row.is_null(2)) return {};
  const auto serial = row.number(2);
  const auto at = row.number(3);
  if (serial < 1) return bad_row("leases", key, "next_serial: out of range");
  if (at < 0) return bad_row("leases", key, "at_ms: out of range");
  into.next_serial = std::max(into.next_serial, static_cast<std::uint64_t>(serial));
  into.at = std::max(into.at, model::Instant{at});
  return {};
}

Result read_lease_row(const Statement& row, Known& known, model::Contents& into) {
  const auto key = row.text(0);
  auto lease = read_lease(row.text(1));
  if (!lease) return bad_row("leases", key, lease.error());
  if (lease->id.str() != key) {
    return bad_row("leases", key, std::format("its body names {}", lease->id.str()));
  }
  known.share(*lease);
  into.leases.push_back(*std::move(lease));
  return read_progress(row, key, into);
}

Result read_setting_row(const Statement& row, std::vector<model::GpuSetting>& into) {
  const auto gpu = model::GpuId::parse(row.text(0));
  if (!gpu) return bad_row("gpu_settings", row.text(0), "gpu: no such name");
  model::GpuSetting setting{*gpu, {}, {}, {}};
  if (!row.is_null(1)) {
    const auto slots = row.number(1);
    if (slots < 1 || slots > model::slots_max) {
      return bad_row("gpu_settings", gpu->str(), "slots: out of range");
    }
    setting.slots = static_cast<int>(slots);
  }
  if (!row.is_null(2)) setting.label = row.text(2);
  if (!row.is_null(3)) setting.drained = row.number(3) != 0;
  into.push_back(std::move(setting));
  return {};
}

Result read_conflict_row(const Statement& row, std::vector<model::Conflict>& into) {
  const auto key = row.text(0);
  auto conflict = read_conflict(row.text(1));
  if (!conflict) return bad_row("conflicts", key, conflict.error());
  if (conflict->container.str() != key) return bad_row("conflicts", key, "its body names another");
  into.push_back(*std::move(conflict));
  return {};
}

Result read_fault_row(const Statement& row, std::vector<model::GpuFaulty>& into) {
  const auto key = row.text(0);
  auto faulty = read_fault(row.text(1));
  if (!faulty) return bad_row("faults", key, faulty.error());
  if (faulty->gpu.str() != key) return bad_row("faults", key, "its body names another");
  into.push_back(*std::move(faulty));
  return {};
}

}  // namespace

std::expected<model::Contents, Error> read_contents(Database& db) {
  std::optional<model::Contents> found;
  auto read = check_file(db).and_then([&] {
    return each(db, "SELECT epoch, next_serial, at_ms, batches, listed FROM books",
                [&](const Statement& row) { return read_books(row, found); });
  });
  if (!read) return std::unexpected(read.error());
  if (!found) return bad_row("books", "1", "missing");
  Known known;
  read = each(db, "SELECT id, body, next_serial, at_ms FROM leases ORDER BY place",
              [&](const Statement& row) { return read_lease_row(row, known, *found); })
             .and_then([&] {
               return each(db, "SELECT gpu, slots, label, drained FROM gpu_settings ORDER BY gpu",
                           [&](const Statement& row) {
                             return read_setting_row(row, found->gpu_settings);
                           });
             })
             .and_then([&] {
               return each(db, "SELECT container, body FROM conflicts ORDER BY container",
                           [&](const Statement& row) {
                             return read_conflict_row(row, found->conflicts);
                           });
             })
             .and_then([&] {
               return each(db, "SELECT gpu, body FROM faults ORDER BY gpu",
                           [&](const Statement& row) {
                             return read_fault_row(row, found->faults);
                           });
             });
  if (!read) return std::unexpected(read.error());
  return *std::move(found);
}

// Each record's row. A changed lease keeps its place: the granting order.
struct BookTables::Write {
  BookTables& tables;
  const model::Batch& batch;
  Row* row;  // of a lease
  Statements& to = tables.statements_;

  Result operator()(const model::Lease& lease) const {
    const bool is_new = row->place == 0;
    if (is_new) row->place = tables.next_place_++;
    Statement& statement = is_new ? to.lease_new : to.lease;
    const std::string body = write_lease(lease);
    statement.bind(1, row->place);
    statement.bind(2, std::string_view{body});
    statement.bind(3, static_cast<std::int64_t>(batch.next_serial));
    statement.bind(4, batch.at.ms);
    if (is_new) statement.bind(5, std::string_view{lease.id.str()});
    return statement.run();
  }
  Result operator()(const model::LeaseForgotten&) const {
    if (row->place == 0) return {};
    to.lease_forgotten.bind(1, row->place);
    return to.lease_forgotten.run();
  }
  Result operator()(const model::GpuSetting& setting) const {
    to.setting.bind(1, std::string_view{setting.gpu.str()});
    to.setting.bind(2, setting.slots ? std::optional<std::int64_t>(*setting.slots) : std::nullopt);
    to.setting.bind(3, setting.label);
    to.setting.bind(4, setting.drained ? std::optional<std::int64_t>(*setting.drained ? 1 : 0)
                                       : std::nullopt);
    return to.setting.run();
  }
  Result operator()(const model::ListedInventory& listed) const {
    const std::string body = write_listed(listed);
    to.listed.bind(1, std::string_view{body});
    return to.listed.run();
  }
  Result operator()(const model::Conflict& conflict) const {
    const std::string body = write_conflict(conflict);
    to.conflict.bind(1, std::string_view{conflict.container.str()});
    to.conflict.bind(2, std::string_view{body});
    return to.conflict.run();
  }
  Result operator()(const model::ConflictEnded& ended) const {
    to.conflict_ended.bind(1, std::string_view{ended.container.str()});
    return to.conflict_ended.run();
  }
  Result operator()(const model::GpuFaulty& faulty) const {
    const std::string body = write_fault(faulty);
    to.fault.bind(1, std::string_view{faulty.gpu.str()});
    to.fault.bind(2, std::string_view{body});
    return to.fault.run();
  }
  Result operator()(const model::FaultCleared& cleared) const {
    to.fault_cleared.bind(1, std::string_view{cleared.gpu.str()});
    return to.fault_cleared.run();
  }
};

std::expected<BookTables, Error> BookTables::prepare(Database& db) {
  constexpr std::array<std::string_view, 13> texts{
      "BEGIN IMMEDIATE",
      "COMMIT",
      "ROLLBACK",
      "INSERT INTO leases (place, body, next_serial, at_ms, id) VALUES (?,?,?,?,?)",
      "UPDATE leases SET body=?2, next_serial=?3, at_ms=?4 WHERE place=?1",
      "DELETE FROM leases WHERE place=?",
      "INSERT INTO gpu_settings VALUES (?,?,?,?) ON CONFLICT (gpu) DO UPDATE "
      "SET slots=excluded.slots, label=excluded.label, drained=excluded.drained",
      "UPDATE books SET listed=?",
      "INSERT INTO conflicts VALUES (?,?) ON CONFLICT (container) DO UPDATE SET body=excluded.body",
      "DELETE FROM conflicts WHERE container=?",
      "INSERT INTO faults VALUES (?,?) ON CONFLICT (gpu) DO UPDATE SET body=excluded.body",
      "DELETE FROM faults WHERE gpu=?",
      "UPDATE books SET next_serial=?, at_ms=?, batches=batches+1"};
  std::vector<Statement> made;
  for (const auto text : texts) {
    auto statement = db.prepare(text);
    if (!statement) return std::unexpected(statement.error());
    made.push_back(*std::move(statement));
  }
  auto one = [next = made.begin()]() mutable { return std::move(*next++); };
  BookTables tables{Statements{one(), one(), one(), one(), one(), one(), one(), one(), one(), one(),
                               one(), one(), one()}};
  if (auto found = tables.find_rows(db); !found) return std::unexpected(found.error());
  const auto begun = db.number("SELECT count(*) FROM books WHERE batches > 0");
  if (!begun) return std::unexpected(begun.error());
  tables.fresh_ = *begun == 0;
  return tables;
}

Result BookTables::find_rows(Database& db) {
  const auto found = [&](const Statement& row) -> Result {
    const auto id = model::LeaseId::parse(row.text(1));
    if (!id) return bad_row("leases", row.text(1), "is no lease's id");
    if (!rows_.emplace(*id, Row{.place = row.number(0)}).second) {
      return bad_row("leases", row.text(1), "stands there twice");
    }
    next_place_ = row.number(0) + 1;
    return {};
  };
  return each(db, "SELECT place, id FROM leases ORDER BY place", found);
}

// Of several records of one lease only the last counts. Ids are not used again once forgotten.
void BookTables::find_last(const model::Batch& batch) {
  row_of_.assign(batch.records.size(), nullptr);
  for (std::size_t i = 0; i < batch.records.size(); ++i) {
    if (const auto* lease = std::get_if<model::Lease>(&batch.records[i])) {
      row_of_[i] = &rows_[lease->id];
    } else if (const auto* gone = std::get_if<model::LeaseForgotten>(&batch.records[i])) {
      row_of_[i] = &rows_[gone->lease];
    }
    if (row_of_[i] != nullptr) row_of_[i]->last = i;
  }
}

Result BookTables::write_all(const model::Batch& batch) {
  if (auto begun = statements_.begin.run(); !begun) return begun;
  find_last(batch);
  // At the place of its first record, so that new leases stay in the order they came.
  constexpr std::size_t written = std::numeric_limits<std::size_t>::max();
  bool told = false;  // serial and time stand in a lease's row
  for (std::size_t i = 0; i < batch.records.size(); ++i) {
    Row* const row = row_of_[i];
    if (row != nullptr && row->last == written) continue;
    const std::size_t last = row == nullptr ? i : std::exchange(row->last, written);
    if (auto done = std::visit(Write{*this, batch, row}, batch.records[last]); !done) return done;
    told = told || std::holds_alternative<model::Lease>(batch.records[last]);
  }
  for (const auto& record : batch.records) {
    if (const auto* gone = std::get_if<model::LeaseForgotten>(&record)) {
      rows_.erase(gone->lease);
    }
  }
  if (told && !fresh_) return statements_.commit.run();
  return write_books(batch).and_then([&] { return statements_.commit.run(); });
}

// The first batch always does: by `batches` a store is known to be no new one. Serial and time
// never go back, so what stands in a row of an earlier batch, or went with one, does not count.
Result BookTables::write_books(const model::Batch& batch) {
  statements_.books.bind(1, static_cast<std::int64_t>(batch.next_serial));
  statements_.books.bind(2, batch.at.ms);
  auto done = statements_.books.run();
  fresh_ = fresh_ && !done;
  return done;
}

Result BookTables::write(const model::Batch& batch) {
  auto done = write_all(batch);
  // After a failure SQLite may have rolled back by itself; that this says so is no news.
  if (!done) std::ignore = statements_.rollback.run();
  return done;
}

}  // namespace gpuhub::store
