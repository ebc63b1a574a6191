// gpuctl leases: who holds what, and how it ended.
#include <format>
#include <print>

#include "ctl/allocator.hpp"
#include "ctl/commands.hpp"
#include "ctl/table.hpp"
#include "ctl/usage_words.hpp"
#include "ctl/words.hpp"

namespace gpuhub::ctl {
namespace {

// "0,3", "0 (faulty)"; of a request that waits what it wants: "(2 GPUs)".
std::string gpu_indices(const boost::json::value& lease) {
  if (text_at(lease, "state") == "queued") {
    return "(" + wants_words(member_at(lease, "wants")) + ")";
  }
  std::string indices;
  for (const auto& gpu : array_at(lease, "gpus")) {
    indices += (indices.empty() ? "" : ",") + std::to_string(number_at(gpu, "index")) +
               (text_at(gpu, "fault").empty() ? "" : " (faulty)");
  }
  return indices.empty() ? "none" : indices;
}

Row row_of(const boost::json::value& lease) {
  const auto container = text_at(lease, "container");
  return {text_at(lease, "id"),
          person(member_at(lease, "owner")),
          gpu_indices(lease),
          text_at(lease, "mode"),
          lease_state(lease),
          usage_words(member_at(lease, "usage")),
          container.empty() ? "-" : container.substr(0, 12),
          text_at(lease, "created_at")};
}

}  // namespace

int leases(const Common& common, bool all) {
  const auto body =
      get_good(common.socket, all ? "/v1/leases?state=all" : "/v1/leases?state=live");
  if (!body) return fail(body.error().message);
  if (common.json) {
    print_json(*body);
    return 0;
  }
  std::vector<Row> rows;
  for (const auto& lease : array_at(*body, "leases")) rows.push_back(row_of(lease));
  if (rows.empty()) {
    std::println("no leases");
    return 0;
  }
  const Row head{"LEASE", "OWNER", "GPUS", "MODE", "STATE", "USE", "CONTAINER", "SINCE"};
  std::print("{}", table(head, rows));
  return 0;
}

}  // namespace gpuhub::ctl
