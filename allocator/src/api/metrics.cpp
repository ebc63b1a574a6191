#include "api/metrics.hpp"

#include <algorithm>
#include <array>
#include <format>

#include "api/write.hpp"
#include "model/assert.hpp"

namespace gpuhub::api {
namespace {
constexpr std::array<MetricKind, 39> kinds{{
    {"gpuhub_build_info", "gauge", "Always 1; the version stands in the label."},
    {"gpuhub_ready", "gauge", "1 if all checks are good: new leases are granted."},
    {"gpuhub_check_ok", "gauge", "1 if this check of /readyz is good."},
    {"gpuhub_gpus", "gauge", "GPUs by state: ok, draining, faulty, or missing from the inventory."},
    {"gpuhub_slots", "gauge", "Slots of all GPUs that are there."},
    {"gpuhub_slots_used", "gauge", "Live leases and conflicts, once for each GPU they hold."},
    {"gpuhub_gpu_slots", "gauge", "Slots of one GPU."},
    {"gpuhub_gpu_leases", "gauge", "Live leases on one GPU."},
    {"gpuhub_gpu_utilisation_ratio", "gauge", "What the GPU is doing, 0 to 1, as NVML says."},
    {"gpuhub_gpu_memory_used_bytes", "gauge", "Memory used on the GPU, as NVML says."},
    {"gpuhub_gpu_processes", "gauge", "Processes on one GPU, as NVML says."},
    {"gpuhub_gpu_foreign_processes", "gauge", "Processes on one GPU that no lease explains."},
    {"gpuhub_gpu_foreign_memory_bytes", "gauge", "Memory of these."},
    {"gpuhub_gpu_foreign_utilisation_ratio", "gauge", "What these do, 0 to 1, where NVML says."},
    {"gpuhub_lease_utilisation_ratio", "gauge", "What an active lease's GPUs do for it, 0 to 1."},
    {"gpuhub_lease_memory_used_bytes", "gauge", "Memory of its processes on its GPUs."},
    {"gpuhub_lease_processes", "gauge", "Its processes on its GPUs."},
    {"gpuhub_lease_idle_seconds", "gauge", "Since its GPUs last did something for it."},
    {"gpuhub_leases_unmeasured", "gauge", "Active leases whose use cannot be told now."},
    {"gpuhub_leases", "gauge", "Live leases by state."},
    {"gpuhub_conflicts", "gauge", "Containers that hold GPUs without a lease."},
    {"gpuhub_gpu_foreign", "gauge", "Containers without a lease that use one GPU."},
    {"gpuhub_leases_granted_total", "counter", "Leases granted since start."},
    {"gpuhub_leases_queued_total", "counter", "Asks that had to wait."},
    {"gpuhub_requests_refused_total", "counter", "Asks that the ledger refused."},
    {"gpuhub_leases_ended_total", "counter", "Leases ended, by reason."},
    {"gpuhub_conflicts_seen_total", "counter", "Conflicts seen."},
    {"gpuhub_gpu_faults_total", "counter", "Faults of GPUs noted."},
    {"gpuhub_commits_total", "counter", "Commits to the store."},
    {"gpuhub_records_total", "counter", "Records written to the store."},
    {"gpuhub_runtime_events_total", "counter", "Events of the container engine."},
    {"gpuhub_runtime_errors_total", "counter", "Calls to the container engine that failed."},
    {"gpuhub_reconciles_total", "counter", "Times that leases and containers were compared."},
    {"gpuhub_end_latency_seconds", "histogram",
     "From the engine's time of a container's end to the committed end of its lease."},
    {"gpuhub_http_connections", "gauge", "Open connections."},
    {"gpuhub_http_requests_total", "counter", "HTTP requests."},
    {"gpuhub_http_connections_refused_total", "counter", "Connections over the limit."},
    {"gpuhub_http_streams", "gauge", "Open event streams, which are connections too."},
    {"gpuhub_http_streams_cut_total", "counter", "Streams ended because nobody read them."},
}};

// Text of a label's value.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

class Writer {
 public:
  // The lines that follow are of this metric.
  void open(std::string_view name) {
    const auto* kind = std::ranges::find(kinds, name, &MetricKind::name);
    GPUHUB_ASSERT(kind != kinds.end());
    name_ = name;
    out += std::format("# HELP {} {}\n# TYPE {} {}\n", name, kind->help, name, kind->type);
  }
  void line(std::string_view labels, double value, std::string_view suffix = {}) {
    out += std::format("{}{}{}{}{} {}\n", name_, suffix, labels.empty() ? "" : "{", labels,
                       labels.empty() ? "" : "}", value);
  }
  void one(std::string_view name, double value) {
    open(name);
    line({}, value);
  }
  std::string out;

 private:
  std::string_view name_;
};

double as_double(std::uint64_t value) { return static_cast<double>(value); }

std::string gpu_labels(const model::Gpu& gpu) {
  return std::format("gpu=\"{}\",index=\"{}\"", gpu.info.id.str(), gpu.index);
}

void write_readiness(Writer& to, const MetricsInput& input) {
  to.open("gpuhub_build_info");
  to.line("version=\"" GPUHUB_VERSION "\"", 1);
  to.one("gpuhub_ready", std::ranges::all_of(input.checks, &service::Check::ok) ? 1 : 0);
  to.open("gpuhub_check_ok");
  for (const service::Check& check : input.checks) {
    to.line(std::format("check=\"{}\"", escaped(check.name)), check.ok ? 1 : 0);
  }
}

void write_totals(Writer& to, const MetricsInput& input) {
  int slots = 0, used = 0;
  std::map<std::string_view, int> states{{"ok", 0}, {"draining", 0}, {"faulty", 0}, {"missing", 0}};
  std::size_t conflicts = 0;
  std::vector<model::ContainerId> seen;
  for (const service::GpuView& view : input.usage.gpus) {
    ++states[gpu_state(view.gpu)];
    slots += view.gpu.present ? view.gpu.slots : 0;
    used += view.leases_used + static_cast<int>(view.conflicts.size());
    for (const model::Conflict& conflict : view.conflicts) seen.push_back(conflict.container);
  }
  std::ranges::sort(seen);
  conflicts = seen.size() - std::ranges::unique(seen).size();
  to.open("gpuhub_gpus");
  for (const auto& [state, count] : states) to.line(std::format("state=\"{}\"", state), count);
  to.one("gpuhub_slots", slots);
  to.one("gpuhub_slots_used", used);
  to.one("gpuhub_conflicts", as_double(conflicts));
  to.open("gpuhub_leases");
  using enum model::LeaseState;
  for (const auto state : {queued, granted, active, ending}) {
    const auto found = input.usage.leases.find(state);
    to.line(std::format("state=\"{}\"", model::to_string(state)),
            found == input.usage.leases.end() ? 0 : as_double(found->second));
  }
}

void write_gpus(Writer& to, const MetricsInput& input) {
  to.open("gpuhub_gpu_slots");
  for (const auto& view : input.usage.gpus) to.line(gpu_labels(view.gpu), view.gpu.slots);
  to.open("gpuhub_gpu_leases");
  for (const auto& view : input.usage.gpus) to.line(gpu_labels(view.gpu), view.leases_used);
  to.open("gpuhub_gpu_foreign");
  for (const auto& view : input.usage.gpus) {
    to.line(gpu_labels(view.gpu), as_double(static_cast<std::uint64_t>(std::ranges::count_if(
                                      view.foreign, [](const auto& f) { return !f.watches; }))));
  }
  const auto load = [&input](const service::GpuView& view) {
    const auto found = input.loads.find(view.gpu.info.id);
    return found == input.loads.end() ? model::GpuLoad{} : found->second;
  };
  to.open("gpuhub_gpu_utilisation_ratio");
  for (const auto& view : input.usage.gpus) {
    if (const auto util = load(view).gpu_util_percent) to.line(gpu_labels(view.gpu), *util / 100.0);
  }
  to.open("gpuhub_gpu_memory_used_bytes");
  for (const auto& view : input.usage.gpus) {
    const auto used = load(view).memory_used;
    if (used) to.line(gpu_labels(view.gpu), static_cast<double>(used->count) * 1048576.0);
  }
}

// One line for each GPU of which `get` knows a number.
template <typename Get>
void write_uses(Writer& to, std::string_view name, const MetricsInput& input, const Get& get) {
  to.open(name);
  for (const auto& view : input.usage.gpus) {
    const auto found = input.uses.find(view.gpu.info.id);
    const auto value = found == input.uses.end() ? std::optional<double>{} : get(found->second);
    if (value) to.line(gpu_labels(view.gpu), *value);
  }
}

// The same for each lease. By its id alone: one has but a few GPUs, and lives for hours.
template <typename Get>
void write_leases(Writer& to, std::string_view name, const MetricsInput& input, const Get& get) {
  to.open(name);
  for (const auto& [lease, use] : input.leases) {
    if (const std::optional<double> value = get(use)) {
      to.line(std::format("lease=\"{}\"", lease.str()), *value);
    }
  }
}

double bytes(model::Mebibytes memory) { return static_cast<double>(memory.count) * 1048576.0; }

void write_use(Writer& to, const MetricsInput& input) {
  using Value = std::optional<double>;
  using Gpu = usage::GpuUsage;
  using Lease = usage::LeaseUsage;
  write_uses(to, "gpuhub_gpu_processes", input,
             [](const Gpu& gpu) { return gpu.processes ? Value{*gpu.processes} : Value{}; });
  write_uses(to, "gpuhub_gpu_foreign_processes", input,
             [](const Gpu& gpu) { return gpu.foreign ? Value{gpu.foreign->processes} : Value{}; });
  write_uses(to, "gpuhub_gpu_foreign_memory_bytes", input, [](const Gpu& gpu) {
    return gpu.foreign ? Value{bytes(gpu.foreign->memory)} : Value{};
  });
  write_uses(to, "gpuhub_gpu_foreign_utilisation_ratio", input,
             [](const Gpu& gpu) { return gpu.foreign ? gpu.foreign->util : Value{}; });
  write_leases(to, "gpuhub_lease_utilisation_ratio", input, [](const Lease& lease) {
    return lease.utilisation ? Value{lease.utilisation->now} : Value{};
  });
  write_leases(to, "gpuhub_lease_memory_used_bytes", input, [](const Lease& lease) {
    return lease.memory ? Value{bytes(*lease.memory)} : Value{};
  });
  write_leases(to, "gpuhub_lease_processes", input, [](const Lease& lease) {
    return lease.processes ? Value{*lease.processes} : Value{};
  });
  write_leases(to, "gpuhub_lease_idle_seconds", input, [](const Lease& lease) {
    return lease.idle_for ? Value{static_cast<double>(lease.idle_for->count() / 1000)} : Value{};
  });
  to.one("gpuhub_leases_unmeasured", as_double(static_cast<std::uint64_t>(std::ranges::count_if(
                                         input.leases, [](const auto& entry) {
                                           return entry.second.measured == usage::Measured::none;
                                         }))));
}

void write_counters(Writer& to, const service::Counters& from) {
  to.one("gpuhub_leases_granted_total", as_double(from.granted));
  to.one("gpuhub_leases_queued_total", as_double(from.queued));
  to.one("gpuhub_gpu_faults_total", as_double(from.gpu_faults));
  to.one("gpuhub_requests_refused_total", as_double(from.refused));
  to.open("gpuhub_leases_ended_total");
  for (std::size_t i = 0; i < from.ended_by_reason.size(); ++i) {
    to.line(std::format("reason=\"{}\"", model::to_string(static_cast<model::EndReason>(i))),
            as_double(from.ended_by_reason[i]));
  }
  to.one("gpuhub_conflicts_seen_total", as_double(from.conflicts_seen));
  to.one("gpuhub_commits_total", as_double(from.commits));
  to.one("gpuhub_records_total", as_double(from.records));
  to.one("gpuhub_runtime_events_total", as_double(from.events));
  to.one("gpuhub_runtime_errors_total", as_double(from.runtime_errors));
  to.one("gpuhub_reconciles_total", as_double(from.reconciles));
  to.open("gpuhub_end_latency_seconds");
  for (std::size_t i = 0; i < service::end_latency_bounds_ms.size(); ++i) {
    to.line(std::format("le=\"{}\"", service::end_latency_bounds_ms[i] / 1000.0),
            as_double(from.end_latency_buckets[i]), "_bucket");
  }
  to.line("le=\"+Inf\"", as_double(from.end_latency_count), "_bucket");
  to.line({}, static_cast<double>(from.end_latency_sum_ms) / 1000.0, "_sum");
  to.line({}, as_double(from.end_latency_count), "_count");
}
}  // namespace

std::span<const MetricKind> metric_kinds() { return kinds; }

std::string metrics_text(const MetricsInput& input) {
  Writer to;
  write_readiness(to, input);
  write_totals(to, input);
  write_gpus(to, input);
  write_use(to, input);
  write_counters(to, input.counters);
  to.one("gpuhub_http_connections", as_double(input.http.open));
  to.one("gpuhub_http_requests_total", as_double(input.http.requests));
  to.one("gpuhub_http_connections_refused_total", as_double(input.http.turned_away));
  to.one("gpuhub_http_streams", as_double(input.http.streams));
  to.one("gpuhub_http_streams_cut_total", as_double(input.http.streams_cut));
  return std::move(to.out);
}

}  // namespace gpuhub::api
