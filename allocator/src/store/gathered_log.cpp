#include "store/gathered_log.hpp"

#include <sqlite3.h>

#include <cstddef>
#include <new>
#include <string>

#include "model/assert.hpp"

namespace gpuhub::store {
namespace {

constexpr std::size_t room = std::size_t{64} * 1024;  // a longer piece goes in several
constexpr auto name = "gpuhub-gathered-log";

// SQLite allocates it as bytes, its own file behind it; made by open_file(), ended by close_log().
struct Log {
  Log() { kept.reserve(room); }  // now, so that no write must

  sqlite3_file base{};  // first: what SQLite knows of it
  sqlite3_int64 from = 0;
  std::string kept;   // to be written from there on

  sqlite3_file* file() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  const sqlite3_io_methods& io() { return *file()->pMethods; }
  // Writes what is kept. It counts as written also if that fails: SQLite gives the transaction up.
  int write_out() {
    if (kept.empty()) return SQLITE_OK;
    const int rc = io().xWrite(file(), kept.data(), static_cast<int>(kept.size()), from);
    kept.clear();
    return rc;
  }
  int write(const void* bytes, int size, sqlite3_int64 at) {
    const auto more = static_cast<std::size_t>(size);
    const bool goes_on = at == from + static_cast<sqlite3_int64>(kept.size());
    if (!kept.empty() && (!goes_on || kept.size() + more > room)) {
      if (const int rc = write_out(); rc != SQLITE_OK) return rc;
    }
    if (kept.empty()) from = at;
    kept.append(static_cast<const char*>(bytes), more);
    return SQLITE_OK;
  }
};

Log& log_of(sqlite3_file* file) { return *reinterpret_cast<Log*>(file); }

// Whatever is asked of the log, what is kept is written first.
template <typename Ask>
int written_first(sqlite3_file* file, const Ask& ask) {
  Log& log = log_of(file);
  const int rc = log.write_out();
  return rc == SQLITE_OK ? ask(log.io(), log.file()) : rc;
}

int close_log(sqlite3_file* file) {
  Log& log = log_of(file);
  const int written = log.write_out();
  const int closed = log.io().xClose(log.file());
  log.~Log();
  return written == SQLITE_OK ? closed : written;
}

const sqlite3_io_methods methods{
    .iVersion = 1,
    .xClose = close_log,
    .xRead = [](sqlite3_file* file, void* to, int size, sqlite3_int64 at) {
      return written_first(file, [&](auto& io, auto* in) { return io.xRead(in, to, size, at); });
    },
    .xWrite = [](sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at) {
      return log_of(file).write(bytes, size, at);
    },
    .xTruncate = [](sqlite3_file* file, sqlite3_int64 size) {
      return written_first(file, [&](auto& io, auto* in) { return io.xTruncate(in, size); });
    },
    .xSync = [](sqlite3_file* file, int flags) {
      return written_first(file, [&](auto& io, auto* in) { return io.xSync(in, flags); });
    },
    .xFileSize = [](sqlite3_file* file, sqlite3_int64* size) {
      return written_first(file, [&](auto& io, auto* in) { return io.xFileSize(in, size); });
    },
    .xLock = nullptr,  // nobody locks a log
    .xUnlock = nullptr,
    .xCheckReservedLock = nullptr,
    .xFileControl = [](sqlite3_file* file, int what, void* with) {
      return written_first(file,
                           [&](auto& io, auto* in) { return io.xFileControl(in, what, with); });
    },
    .xSectorSize = [](sqlite3_file* file) {
      return log_of(file).io().xSectorSize(log_of(file).file());
    },
    .xDeviceCharacteristics = [](sqlite3_file* file) {
      return log_of(file).io().xDeviceCharacteristics(log_of(file).file());
    },
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

sqlite3_vfs& plain_of(sqlite3_vfs* ours) { return *static_cast<sqlite3_vfs*>(ours->pAppData); }

// Without memory for it the process ends here: nothing is thrown through SQLite.
int open_file(sqlite3_vfs* ours, sqlite3_filename path, sqlite3_file* file, int flags,
              int* out) noexcept {
  sqlite3_vfs& plain = plain_of(ours);
  if ((flags & SQLITE_OPEN_WAL) == 0) return plain.xOpen(&plain, path, file, flags, out);
  Log* const log = new (file) Log;
  const int rc = plain.xOpen(&plain, path, log->file(), flags, out);
  if (log->file()->pMethods == nullptr) {
    log->~Log();
    file->pMethods = nullptr;  // SQLite does not close it then
    return rc;
  }
  log->base.pMethods = &methods;
  return rc;
}

}  // namespace

int write_log(sqlite3* db) {
  sqlite3_file* log = nullptr;
  const int rc = sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  if (rc != SQLITE_OK) return rc;
  GPUHUB_ASSERT(log != nullptr && log->pMethods == &methods);
  return log_of(log).write_out();
}

const char* gathered_log() {
  static sqlite3_vfs vfs = [] {
    sqlite3_vfs* const plain = sqlite3_vfs_find(nullptr);
    GPUHUB_ASSERT(plain != nullptr);
    sqlite3_vfs made = *plain;  // whose functions do not look at the VFS they are called with
    made.pNext = nullptr;
    made.zName = name;
    made.szOsFile += static_cast<int>(sizeof(Log));
    made.pAppData = plain;
    made.xOpen = open_file;
    return made;
  }();
  static const int registered = sqlite3_vfs_register(&vfs, 0);
  GPUHUB_ASSERT(registered == SQLITE_OK);
  return name;
}

}  // namespace gpuhub::store
