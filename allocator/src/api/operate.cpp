// /healthz, /readyz, /metrics, /openapi.json: for operators.
#include <algorithm>

#include "api/answers.hpp"
#include "api/api.hpp"
#include "api/metrics.hpp"
#include "api/openapi_text.hpp"

namespace gpuhub::api {

std::string_view openapi_document() { return openapi_text; }

void Api::healthz(Call call) { 
  call.respond(json_answer(200, [](text::JsonText& out) { out.text("status", "ok"); }));
}

void Api::readyz(Call call) {
  const auto checks = service_.readiness();
  const bool ready = std::ranges::all_of(checks, &service::Check::ok);
  call.respond(json_answer(ready ? 200 : 503, [&](text::JsonText& out) {
    out.yes_no("ready", ready);
    out.list("checks", checks, [&](const service::Check& check) {
      out.object_item([&] {
        out.text("name", check.name);
        out.yes_no("ok", check.ok);
        out.text("detail", check.detail);
      });
    });
  }));
}

void Api::metrics(Call call) {
  service_.usage([this, call = std::move(call)](service::Usage usage) mutable {
    std::map<model::GpuId, usage::GpuUsage> uses;
    for (const service::GpuView& view : usage.gpus) {
      if (facts_.usage == nullptr) break;
      const auto& id = view.gpu.info.id;
      uses.emplace(id, facts_.usage->of(id, now_().at));
    }
    std::map<model::LeaseId, usage::LeaseUsage> leases;
    for (const model::Lease* lease : service_.ledger().live()) {
      if (auto use = usage_of(*lease)) leases.emplace(lease->id, *std::move(use));
    }
    const MetricsInput input{.usage = std::move(usage),
                             .checks = service_.readiness(),
                             .counters = service_.counters(),
                             .http = http_(),
                             .loads = facts_.loads,
                             .uses = std::move(uses),
                             .leases = std::move(leases)};
    call.respond({.status = 200,
                  .content_type = "text/plain; version=0.0.4; charset=utf-8",
                  .headers = {},
                  .body = metrics_text(input)});
  });
}

void Api::openapi(Call call) {
  call.respond({.status = 200,
                .content_type = "application/json",
                .headers = {},
                .body = std::string{openapi_document()}});
}

}  // namespace gpuhub::api
