// gpuctl status: is the allocator ready, and if not, what is wrong. Also the healthcheck of its
// container.
#include <print>

#include "ctl/allocator.hpp"
#include "ctl/commands.hpp"
#include "ctl/table.hpp"

namespace gpuhub::ctl {

int status(const Common& common) {
  const auto answer = get(common.socket, "/readyz");
  if (!answer) return fail(answer.error().message);
  const bool ready = answer->status == 200;
  if (common.json) {
    print_json(answer->body);
    return ready ? 0 : 1;
  }
  std::vector<Row> rows;
  for (const auto& check : array_at(answer->body, "checks")) {
    const auto& ok = member_at(check, "ok");
    const bool good = ok.is_bool() && ok.get_bool();
    rows.push_back({text_at(check, "name"), good ? "ok" : "wrong", text_at(check, "detail")});
  }
  std::print("{}{}", ready ? "ready\n" : "not ready\n", table({"CHECK", "STATE", "DETAIL"}, rows));
  return ready ? 0 : 1;
}

}  // namespace gpuhub::ctl
