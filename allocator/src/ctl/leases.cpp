// gpuctl leases, gpuctl lease ID: who holds what, and how it ended.
#include <boost/json/serialize.hpp>
#include <format>
#include <print>

#include "ctl/allocator.hpp"
#include "ctl/commands.hpp"
#include "ctl/table.hpp"

namespace gpuhub::ctl {
namespace {

std::string gpu_indices(const boost::json::value& lease) {
  std::string indices;
  for (const auto& gpu : array_at(lease, "gpus")) {
    indices += (indices.empty() ? "" : ",") + std::to_string(number_at(gpu, "index"));
  }
  return indices.empty() ? "none" : indices;
}

// "ended: container_exited (137, out of memory)".
std::string state(const boost::json::value& lease) {
  std::string words = text_at(lease, "state");
  if (const auto reason = text_at(lease, "reason"); !reason.empty()) words += ": " + reason;
  const auto& object = lease.as_object();
  std::string end;
  if (const auto* code = object.if_contains("exit_code"); code != nullptr && code->is_number()) {
    end = std::to_string(number_at(lease, "exit_code"));
  }
  const auto* oom = object.if_contains("oom_killed");
  if (oom != nullptr && oom->is_bool() && oom->as_bool()) end += ", out of memory";
  return end.empty() ? words : std::format("{} ({})", words, end);
}

Row row_of(const boost::json::value& lease) {
  const auto* owner = lease.as_object().if_contains("owner");
  const boost::json::value none;
  const auto& who = owner != nullptr ? *owner : none;
  const auto container = text_at(lease, "container");
  return {text_at(lease, "id"),
          person(text_at(who, "hub"), text_at(who, "user"), text_at(who, "server")),
          gpu_indices(lease),
          text_at(lease, "mode"),
          state(lease),
          container.empty() ? "-" : container.substr(0, 12),
          text_at(lease, "created_at")};
}

int show(const std::vector<boost::json::value>& leases) {
  std::vector<Row> rows;
  for (const auto& lease : leases) {
    if (lease.is_object()) rows.push_back(row_of(lease));
  }
  if (rows.empty()) {
    std::println("no leases");
    return 0;
  }
  std::print("{}", table({"LEASE", "OWNER", "GPUS", "MODE", "STATE", "CONTAINER", "SINCE"}, rows));
  return 0;
}

}  // namespace

int leases(const Common& common, bool all) {
  const auto body =
      get_good(common.socket, all ? "/v1/leases?state=all" : "/v1/leases?state=live");
  if (!body) return fail(body.error().message);
  if (common.json) {
    std::println("{}", boost::json::serialize(*body));
    return 0;
  }
  const auto& found = array_at(*body, "leases");
  return show({found.begin(), found.end()});
}

int lease(const Common& common, const std::string& id) {
  const auto body = get_good(common.socket, "/v1/leases/" + id);
  if (!body) return fail(body.error().message);
  if (common.json) {
    std::println("{}", boost::json::serialize(*body));
    return 0;
  }
  return show({*body});
}

}  // namespace gpuhub::ctl
