// gpuctl gpus: what GPUs there are, how loaded, who holds them.
#include <boost/json/serialize.hpp>
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
    const auto* owner = lease.is_object() ? lease.as_object().if_contains("owner") : nullptr;
    const boost::json::value none;
    const auto& who = owner != nullptr ? *owner : none;
    names += (names.empty() ? "" : ", ") +
             person(text_at(who, "hub"), text_at(who, "user"), text_at(who, "server"));
  }
  for (const auto& conflict : array_at(gpu, "conflicts")) {
    names += (names.empty() ? "" : ", ") + std::string{"conflict: "} + text_at(conflict, "name");
  }
  return names.empty() ? "-" : names;
}

std::string load(const boost::json::value& gpu) {
  const auto* measured = gpu.is_object() ? gpu.as_object().if_contains("load") : nullptr;
  if (measured == nullptr || !measured->is_object()) return "-";
  const auto* util = measured->as_object().if_contains("gpu_util");
  return util != nullptr && util->is_number() ? std::format("{} %", number_at(*measured, "gpu_util"))
                                              : "-";
}

}  // namespace

int gpus(const Common& common) {
  const auto body = get_good(common.socket, "/v1/gpus");
  if (!body) return fail(body.error().message);
  if (common.json) {
    std::println("{}", boost::json::serialize(*body));
    return 0;
  }
  std::vector<Row> rows;
  for (const auto& gpu : array_at(*body, "gpus")) {
    rows.push_back({std::to_string(number_at(gpu, "index")), text_at(gpu, "uuid"),
                    text_at(gpu, "model"),
                    std::format("{} GiB", (number_at(gpu, "memory_mib") + 512) / 1024),
                    std::format("{}/{}", number_at(gpu, "used"), number_at(gpu, "slots")), load(gpu),
                    text_at(gpu, "state"), holders(gpu)});
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
