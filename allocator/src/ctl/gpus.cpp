// gpuctl gpus: what GPUs there are, how loaded, who holds them.
#include <format>
#include <print>

#include "ctl/allocator.hpp"
#include "ctl/commands.hpp"
#include "ctl/table.hpp"

namespace gpuhub::ctl {
namespace {

std::string holders(const boost::json::value& gpu) {
  std::string names;
  for (const auto& lease : array_at(gpu, "leases")) {
    names += (names.empty() ? "" : ", ") + person(member_at(lease, "owner"));
  }
  for (const auto& conflict : array_at(gpu, "conflicts")) {
    const std::string name = text_at(conflict, "name");
    names += (names.empty() ? "conflict: " : ", conflict: ") +
             (name.empty() ? text_at(conflict, "container").substr(0, 12) : name);
  }
  return names.empty() ? "-" : names;
}

std::string load(const boost::json::value& gpu) {
  const auto& measured = member_at(gpu, "load");
  if (!member_at(measured, "gpu_util").is_number()) return "-";
  return std::format("{} %", number_at(measured, "gpu_util"));
}

}  // namespace

int gpus(const Common& common) {
  const auto body = get_good(common.socket, "/v1/gpus");
  if (!body) return fail(body.error().message);
  if (common.json) {
    print_json(*body);
    return 0;
  }
  std::vector<Row> rows;
  for (const auto& gpu : array_at(*body, "gpus")) {
    rows.push_back({std::to_string(number_at(gpu, "index")), text_at(gpu, "uuid"),
                    text_at(gpu, "model"),
                    std::format("{} GiB", (number_at(gpu, "memory_mib") + 512) / 1024),
                    std::format("{}/{}", number_at(gpu, "used"), number_at(gpu, "slots")),
                    load(gpu), text_at(gpu, "state"), holders(gpu)});
  }
  if (rows.empty()) {
    std::println("no GPUs");
    return 0;
  }
  std::print("{}", table({"GPU", "UUID", "MODEL", "MEMORY", "USED", "LOAD", "STATE", "HELD BY"},
                         rows));
  return 0;
}

}  // namespace gpuhub::ctl
