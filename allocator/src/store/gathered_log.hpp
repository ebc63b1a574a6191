// The write-ahead log written in one piece for each commit. SQLite writes each page of it in two, a
// frame's header and the page: thirty system calls for a batch of thirty leases. Private to store/.
#pragma once

namespace gpuhub::store {

// The name of a VFS for Database::open(): SQLite's own, but what is written to a log is kept until
// it is flushed, or anything else is asked of the log. An error shows at the flush, which is part
// of the commit: nothing counts as durable before that anyway. Any thread; once and for all.
const char* gathered_log();

}  // namespace gpuhub::store
