// gpuctl lease ID: all that is known of one lease.
#include <format>
#include <print>

#include "ctl/allocator.hpp"
#include "ctl/commands.hpp"
#include "ctl/problems.hpp"
#include "ctl/table.hpp"
#include "ctl/usage_words.hpp"
#include "ctl/words.hpp"

namespace gpuhub::ctl {

std::string lease_state(const boost::json::value& lease) {
  std::string words = text_at(lease, "state");
  if (const auto reason = text_at(lease, "reason"); !reason.empty()) words += ": " + reason;
  if (const auto place = queue_words(member_at(lease, "queue")); !place.empty()) {
    words += ": " + place;
  }
  std::string end;
  if (member_at(lease, "exit_code").is_number()) {
    end = std::to_string(number_at(lease, "exit_code"));
  }
  const auto& oom = member_at(lease, "oom_killed");
  if (oom.is_bool() && oom.get_bool()) end += end.empty() ? "out of memory" : ", out of memory";
  return end.empty() ? words : std::format("{} ({})", words, end);
}

namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

void add(Fields& rows, const char* name, std::string text) {
  if (!text.empty()) rows.emplace_back(name, std::move(text));
}

// What a request waits for; nothing for a lease that does not wait.
void add_queue(Fields& rows, const boost::json::value& queue) {
  add(rows, "waits for", text_at(queue, "why"));
  for (const std::string& line : holder_lines(queue)) {
    add(rows, "held", line.substr(line.find_first_not_of(' ')));
  }
  add(rows, "renewed by", text_at(queue, "renew_by"));
  add(rows, "waits until", text_at(queue, "expires_at"));
}

Fields fields_of(const boost::json::value& lease) {
  Fields rows{{"lease", text_at(lease, "id")},
              {"owner", person(member_at(lease, "owner"))},
              {"state", lease_state(lease)}};
  add_queue(rows, member_at(lease, "queue"));
  add(rows, "wants", wants_words(member_at(lease, "wants")));
  for (const auto& gpu : array_at(lease, "gpus")) {
    const std::string fault = text_at(gpu, "fault");
    add(rows, "gpu", std::format("{}: {}, {}{}", number_at(gpu, "index"), text_at(gpu, "uuid"),
                                 text_at(gpu, "model"), fault.empty() ? "" : "; faulty: " + fault));
  }
  for (auto& [name, words] : usage_lines(member_at(lease, "usage"))) {
    add(rows, name, std::move(words));
  }
  add(rows, "mode", text_at(lease, "mode"));
  add(rows, "host", text_at(lease, "host"));
  add(rows, "container", text_at(lease, "container"));
  add(rows, "driver", text_at(member_at(lease, "inject"), "driver"));
  add(rows, "asked for by", text_at(lease, "request_id"));
  add(rows, "created", text_at(lease, "created_at"));
  add(rows, "granted", text_at(lease, "granted_at"));
  add(rows, "to be bound by", text_at(lease, "bind_expires_at"));
  add(rows, "bound", text_at(lease, "bound_at"));
  add(rows, "ended", text_at(lease, "ended_at"));
  return rows;
}

}  // namespace

int lease(const Common& common, const std::string& id) {
  const auto body = get_good(common.socket, "/v1/leases/" + id);
  if (!body) return fail(body.error().message);
  if (common.json) {
    print_json(*body);
  } else {
    std::print("{}", fields(fields_of(*body)));
  }
  return 0;
}

}  // namespace gpuhub::ctl
