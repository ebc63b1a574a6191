// gpuctl queue: who waits, for what, where and for how long.
#include <boost/json/value.hpp>
#include <format>
#include <print>

#include "ctl/allocator.hpp"
#include "ctl/commands.hpp"
#include "ctl/table.hpp"
#include "ctl/words.hpp"

namespace gpuhub::ctl {
namespace {

Row row_of(const boost::json::value& lease) {
  const auto& place = member_at(lease, "queue");
  return {std::to_string(number_at(place, "position")),
          person(member_at(lease, "owner")),
          wants_words(member_at(lease, "wants")),
          estimate_words(place),
          text_at(lease, "created_at"),
          text_at(lease, "id"),
          text_at(place, "why")};
}

}  // namespace

int queue(const Common& common) {
  const auto body = get_good(common.socket, "/v1/leases?state=live");
  if (!body) return fail(body.error().message);
  std::vector<Row> rows;
  boost::json::array waiting;
  for (const auto& lease : array_at(*body, "leases")) {
    if (text_at(lease, "state") != "queued") continue;
    rows.push_back(row_of(lease));
    waiting.push_back(lease);
  }
  if (common.json) {
    print_json(boost::json::object{{"leases", std::move(waiting)}});
  } else if (rows.empty()) {
    std::println("nobody waits");
  } else {
    std::print("{}", table({"PLACE", "OWNER", "WANTS", "ESTIMATE", "SINCE", "LEASE", "WAITS FOR"},
                           rows));
  }
  return 0;
}

}  // namespace gpuhub::ctl
