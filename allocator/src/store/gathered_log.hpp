// The write-ahead log written in one piece for each commit. SQLite writes each page of it in two, a
// frame's header and the page: thirty system calls for a batch of thirty leases. Private to store/.
#pragma once

struct sqlite3;

namespace gpuhub::store {

// The name of a VFS for Database::open(): SQLite's own, but what is written to a log is kept until
// write_log(), or until anything else is asked of the log. Any thread; once and for all.
const char* gathered_log();
// Hands to the system what is kept of the log of `db`, which is in WAL mode and was opened with
// this VFS. SQLite's result code. On the thread that uses `db`.
int write_log(sqlite3* db);

}  // namespace gpuhub::store
