// The XID errors that were raised on the simulated machine, as a file (xids.json): the last ones,
// numbered as they came, so that every process that waits takes each one once. Read strictly, as
// the other files of the machine. Pure functions and a reader; a reader belongs to one thread at a
// time.
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <string>
#include <string_view>

namespace gpuhub::nvml_sim {

inline constexpr std::size_t kMaxXids = 1024;  // kept; who is further behind has missed the oldest

struct RaisedXid {
  std::uint64_t number = 0;
  std::string uuid;
  std::uint64_t xid = 0;  // any value: a driver may say what it wants
};

struct XidLog {
  std::uint64_t next = 1;  // the number that the next one gets
  std::deque<RaisedXid> raised{};  // by number, all below `next`
};

[[nodiscard]] std::expected<XidLog, std::string> parse_xids(std::string_view json);
// The text that parses to the same value. Its first 64 bytes tell two logs apart.
[[nodiscard]] std::string to_json(const XidLog& log);
// Adds one and forgets the oldest over kMaxXids.
void raise(XidLog& log, const std::string& uuid, std::uint64_t xid);

// Follows the file. Looking at it when nothing new came costs one short read.
class XidReader {
 public:
  explicit XidReader(std::string path);
  // The log now; no file: as nothing raised. A damaged file changes nothing: the last good one
  // counts.
  [[nodiscard]] const XidLog& look();

 private:
  std::string path_;
  std::string head_;
  XidLog log_;
};

}  // namespace gpuhub::nvml_sim
