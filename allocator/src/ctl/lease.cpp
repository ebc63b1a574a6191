// gpuctl lease ID: all that is known of one lease.
#include <format>
#include <print>

#include "ctl/allocator.hpp"
#include "ctl/commands.hpp"
#include "ctl/table.hpp"

namespace gpuhub::ctl {

std::string lease_state(const boost::json::value& lease) {
  std::string words = text_at(lease, "state");
  if (const auto reason = text_at(lease, "reason"); !reason.empty()) words += ": " + reason;
  std::string end;
  if (member_at(lease, "exit_code").is_number()) {
    end = std::to_string(number_at(lease, "exit_code"));
  }
  const auto& oom = member_at(lease, "oom_killed");
  if (oom.is_bool() && oom.get_bool()) end += end.empty() ? "out of memory" : ", out of memory";
  return end.empty() ? words : std::format("{} ({})", words, end);
}

int lease(const Common& common, const std::string& id) {
  const auto body = get_good(common.socket, "/v1/leases/" + id);
  if (!body) return fail(body.error().message);
  if (common.json) {
    print_json(*body);
    return 0;
  }
  std::vector<std::pair<std::string, std::string>> rows{
      {"lease", text_at(*body, "id")},
      {"owner", person(member_at(*body, "owner"))},
      {"state", lease_state(*body)}};
  for (const auto& gpu : array_at(*body, "gpus")) {
    rows.emplace_back("gpu", std::format("{}: {}, {}", number_at(gpu, "index"),
                                         text_at(gpu, "uuid"), text_at(gpu, "model")));
  }
  rows.emplace_back("mode", text_at(*body, "mode"));
  const auto add = [&](const char* name, const char* key) {
    if (const auto text = text_at(*body, key); !text.empty()) rows.emplace_back(name, text);
  };
  add("host", "host");
  add("container", "container");
  rows.emplace_back("driver", text_at(member_at(*body, "inject"), "driver"));
  if (rows.back().second.empty()) rows.pop_back();  // nothing to inject: ending or ended
  add("asked for by", "request_id");
  add("created", "created_at");
  add("to be bound by", "bind_expires_at");
  add("bound", "bound_at");
  add("ended", "ended_at");
  std::print("{}", fields(rows));
  return 0;
}

}  // namespace gpuhub::ctl
