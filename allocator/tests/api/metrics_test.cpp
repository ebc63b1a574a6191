#include "api/metrics.hpp"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

namespace gpuhub::api {
namespace {

model::Gpu gpu(const std::string& name, int index, int slots, bool present) {
  const auto id = *model::GpuId::parse(name);
  return {{id, "A100", {40960}, {}, {}, {}, {}, {}}, index, slots, "", present, false, {}};
}

TEST(Metrics, CountWhatIsThere) {
  MetricsInput input;
  input.usage.gpus = {{gpu("GPU-a", 0, 2, true), 2, false, {}, {}, {}},
                {gpu("GPU-b", 1, 4, false), 1, false, {}, {}, {}}};
  input.usage.leases[model::LeaseState::active] = 3;
  input.checks = {{"store", true, ""}, {"runtime", false, "gone"}};
  input.counters.end_latency_count = 2;
  input.counters.end_latency_sum_ms = 1500;
  input.loads[*model::GpuId::parse("GPU-a")] = {.gpu_util_percent = 50, .memory_util_percent = {},
                                                .memory_used = model::Mebibytes{1}};
  const auto lease = *model::LeaseId::parse("L-1");
  input.uses[*model::GpuId::parse("GPU-a")] = {
      .average = {}, .processes = 3,
      .foreign = usage::Foreign{.processes = 1, .memory = {2}, .util = 0.25}};
  usage::LeaseUsage use;
  use.measured = usage::Measured::process;
  use.idle_for = model::Duration{61'500};
  use.utilisation = usage::Utilisation{.now = 0.125, .average = {}};
  use.memory = model::Mebibytes{1};
  use.processes = 2;
  input.leases = {{lease, use}, {*model::LeaseId::parse("L-2"), {}}};
  const std::string text = metrics_text(input);
  for (const auto* line :
       {"gpuhub_ready 0\n", "gpuhub_check_ok{check=\"runtime\"} 0\n", "gpuhub_slots 2\n",
        "gpuhub_slots_used 3\n", "gpuhub_gpus{state=\"missing\"} 1\n",
        "gpuhub_leases{state=\"active\"} 3\n", "gpuhub_leases{state=\"granted\"} 0\n",
        "gpuhub_gpu_utilisation_ratio{gpu=\"GPU-a\",index=\"0\"} 0.5\n",
        "gpuhub_gpu_memory_used_bytes{gpu=\"GPU-a\",index=\"0\"} 1048576\n",
        "gpuhub_gpu_processes{gpu=\"GPU-a\",index=\"0\"} 3\n",
        "gpuhub_gpu_foreign_processes{gpu=\"GPU-a\",index=\"0\"} 1\n",
        "gpuhub_gpu_foreign_memory_bytes{gpu=\"GPU-a\",index=\"0\"} 2097152\n",
        "gpuhub_gpu_foreign_utilisation_ratio{gpu=\"GPU-a\",index=\"0\"} 0.25\n",
        "gpuhub_lease_utilisation_ratio{lease=\"L-1\"} 0.125\n",
        "gpuhub_lease_memory_used_bytes{lease=\"L-1\"} 1048576\n",
        "gpuhub_lease_processes{lease=\"L-1\"} 2\n",
        "gpuhub_lease_idle_seconds{lease=\"L-1\"} 61\n", "gpuhub_leases_unmeasured 1\n",
        "gpuhub_end_latency_seconds_sum 1.5\n",
        "gpuhub_end_latency_seconds_bucket{le=\"+Inf\"} 2\n"}) {
    EXPECT_NE(("\n" + text).find("\n" + std::string{line}), std::string::npos) << line << text;
  }
  EXPECT_FALSE(text.contains("lease=\"L-2\"")) << "what cannot be told has no value";
}

TEST(Metrics, EachKindIsWrittenOnce) {
  std::istringstream lines{metrics_text({})};
  std::multiset<std::string> typed;
  std::string word, name, line;
  while (std::getline(lines, line)) {
    std::istringstream words{line};
    words >> word >> word >> name;
    if (word == "TYPE") typed.insert(name);
  }
  std::multiset<std::string> known;
  for (const MetricKind& kind : metric_kinds()) known.emplace(kind.name);
  EXPECT_EQ(typed, known);
}

}  // namespace
}  // namespace gpuhub::api
