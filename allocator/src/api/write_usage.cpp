#include "api/write_usage.hpp"

#include "api/write.hpp"

namespace gpuhub::api {
namespace {
using text::JsonKey;
using text::JsonText;

std::string_view word(usage::Measured measured) {
  switch (measured) {
    case usage::Measured::process: return "process";
    case usage::Measured::gpu: return "gpu";
    case usage::Measured::none: return "none";
  }
  return "none";
}

void write_rates(JsonText& out, const usage::Rates& rates) {
  out.ratio("1m", rates.one);
  out.ratio("5m", rates.five);
  out.ratio("15m", rates.fifteen);
}

void write_instant(JsonText& out, const JsonKey& key, const std::optional<model::Instant>& at,
                   model::Now now) {
  at ? out.text(key, rfc3339(wall_of(*at, now))) : out.null(key);
}

std::optional<std::int64_t> mib(const std::optional<model::Mebibytes>& memory) {
  return memory ? std::optional{memory->count} : std::nullopt;
}

std::optional<std::int64_t> seconds(const std::optional<model::Duration>& time) {
  return time ? std::optional{time->count() / 1000} : std::nullopt;
}

void write_foreign(JsonText& out, const JsonKey& key, const std::optional<usage::Foreign>& from) {
  if (!from) return out.null(key);
  out.object(key, [&] {
    out.number("processes", from->processes);
    out.number("memory_used_mib", from->memory.count);
    from->util ? out.ratio("utilisation", *from->util) : out.null("utilisation");
  });
}

}  // namespace

void write_usage(JsonText& out, const JsonKey& key, const usage::LeaseUsage* usage,
                 model::Now now) {
  if (usage == nullptr) return out.null(key);
  out.object(key, [&] {
    out.text("measured", word(usage->measured));
    usage->why.empty() ? out.null("why") : out.text("why", usage->why);
    write_instant(out, "since", usage->since, now);
    out.yes_no_or_null("busy", usage->busy);
    write_instant(out, "last_busy_at", usage->last_busy, now);
    out.number_or_null("idle_for_s", seconds(usage->idle_for));
    if (const auto& rates = usage->utilisation) {
      out.object("utilisation", [&] {
        out.ratio("now", rates->now);
        write_rates(out, rates->average);
      });
    } else {
      out.null("utilisation");
    }
    out.number_or_null("memory_used_mib", mib(usage->memory));
    out.number_or_null("processes", usage->processes);
  });
}

void write_load(JsonText& out, const JsonKey& key, const model::GpuLoad* load,
                const usage::GpuUsage& usage) {
  if (load == nullptr) return out.null(key);
  out.object(key, [&] {
    out.number_or_null("gpu_util", load->gpu_util_percent);
    out.number_or_null("memory_util", load->memory_util_percent);
    out.number_or_null("memory_used_mib", mib(load->memory_used));
    if (usage.average) {
      out.object("average", [&] { write_rates(out, *usage.average); });
    } else {
      out.null("average");
    }
    out.number_or_null("processes", usage.processes);
    write_foreign(out, "foreign", usage.foreign);
  });
}

}  // namespace gpuhub::api
