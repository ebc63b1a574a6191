// Prometheus text (version 0.0.4). Pure. docs/metrics.md names every metric; a test holds them
// together.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "http/server.hpp"
#include "service/service.hpp"
#include "usage/books.hpp"

namespace gpuhub::api {

struct MetricsInput {
  service::Usage usage;
  std::vector<service::Check> checks;
  service::Counters counters;
  http::ServerCounters http;
  std::map<model::GpuId, model::GpuLoad> loads;
  std::map<model::GpuId, usage::GpuUsage> uses;
  std::map<model::LeaseId, usage::LeaseUsage> leases;  // active ones with GPUs
};
std::string metrics_text(const MetricsInput& input);

struct MetricKind {
  std::string_view name, type, help;
};
std::span<const MetricKind> metric_kinds();

}  // namespace gpuhub::api
