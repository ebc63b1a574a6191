// gpuctl gpus: what GPUs there are, how loaded, who holds them.
#include <format>
#include <print>

#include "ctl/allocator.hpp"
#include "ctl/commands.hpp"
#include "ctl/gpu_parts.hpp"
#include "ctl/table.hpp"
#include "ctl/usage_words.hpp"

namespace gpuhub::ctl {
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
                    load_words(member_at(gpu, "load")), gpu_state(gpu), gpu_holders(gpu)});
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
