#include "nvml_sim/xid_log.hpp"

#include <boost/json/array.hpp>
#include <format>
#include <limits>
#include <utility>

#include "nvml_sim/json_reader.hpp"
#include "nvml_sim/machine.hpp"
#include "nvml_sim/state_files.hpp"

namespace gpuhub::nvml_sim {
namespace {

constexpr std::uint64_t kNumberMax = std::uint64_t{1} << 53U;
constexpr std::size_t kHeadBytes = 64;

RaisedXid read_raised(const boost::json::value& value, const std::string& where,
                      std::string& error) {
  JsonReader from(value, where, error);
  from.only({"number", "uuid", "xid"});
  RaisedXid raised{.number = from.number("number", kNumberMax, true),
                   .uuid = from.text("uuid", true),
                   .xid = from.number("xid", std::numeric_limits<std::uint64_t>::max(), true)};
  if (!is_gpu_uuid(raised.uuid)) from.fail("uuid", "must be GPU- and a UUID in small letters");
  return raised;
}

}  // namespace

std::expected<XidLog, std::string> parse_xids(std::string_view json) {
  const auto value = parse_json(json);
  if (!value) return std::unexpected(value.error());
  std::string error;
  JsonReader from(*value, "", error);
  from.only({"next", "xids"});
  XidLog log;
  log.next = from.number("next", kNumberMax, true);
  if (const auto* raised = from.list("xids", kMaxXids, true)) {
    for (const auto& one : *raised) {
      const auto least = log.raised.empty() ? 1 : log.raised.back().number + 1;
      log.raised.push_back(read_raised(one, std::format("xids[{}]", log.raised.size()), error));
      const auto number = log.raised.back().number;
      if (number < least || number >= log.next) from.fail("xids", "must be numbered upwards");
    }
  }
  if (!error.empty()) return std::unexpected(error);
  return log;
}

std::string to_json(const XidLog& log) {
  std::string out;
  for (const auto& raised : log.raised) {
    out += std::format("{}\n{{\"number\":{},\"uuid\":\"{}\",\"xid\":{}}}", out.empty() ? "" : ",",
                       raised.number, raised.uuid, raised.xid);
  }
  return std::format("{{\"next\":{},\"xids\":[{}\n]}}\n", log.next, out);
}

void raise(XidLog& log, const std::string& uuid, std::uint64_t xid) {
  log.raised.push_back({.number = log.next++, .uuid = uuid, .xid = xid});
  if (log.raised.size() > kMaxXids) log.raised.pop_front();
}

XidReader::XidReader(std::string path) : path_(std::move(path)) {}

const XidLog& XidReader::look() {
  auto head = read_head(path_, kHeadBytes);
  if (head == head_) return log_;
  head_ = std::move(head);
  if (head_.empty()) {
    log_ = {};
    return log_;
  }
  const auto text = read_small_file(path_);
  if (!text) return log_;
  if (auto log = parse_xids(*text)) log_ = *std::move(log);
  return log_;
}

}  // namespace gpuhub::nvml_sim
