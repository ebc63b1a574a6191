// /healthz, /readyz, /metrics, /openapi.json: for operators.
#include <algorithm>
#include <boost/json/array.hpp>

#include "api/answers.hpp"
#include "api/api.hpp"
#include "api/metrics.hpp"
#include "api/openapi_text.hpp"

namespace gpuhub::api {

std::string_view openapi_document() { return openapi_text; }

void Api::healthz(Call call) { call.respond(json_answer(200, {{"status", "ok"}})); }

void Api::readyz(Call call) {
  boost::json::array checks;
  bool ready = true;
  for (const service::Check& check : service_.readiness()) {
    ready = ready && check.ok;
    checks.push_back(boost::json::object{
        {"name", check.name}, {"ok", check.ok}, {"detail", check.detail}});
  }
  call.respond(json_answer(ready ? 200 : 503, {{"ready", ready}, {"checks", std::move(checks)}}));
}

void Api::metrics(Call call) {
  auto live = [](const model::Lease& lease) { return lease.live(); };
  service_.leases(live, [this, call = std::move(call)](auto leases) mutable {
    MetricsInput input;
    for (const service::LeaseAnswer& answer : leases) ++input.leases[answer.lease.state];
    service_.gpus([this, call = std::move(call), input = std::move(input)](auto gpus) mutable {
      input.gpus = std::move(gpus);
      input.checks = service_.readiness();
      input.counters = service_.counters();
      input.http = http_();
      input.loads = facts_.loads;
      call.respond({.status = 200,
                    .content_type = "text/plain; version=0.0.4; charset=utf-8",
                    .headers = {},
                    .body = metrics_text(input)});
    });
  });
}

void Api::openapi(Call call) {
  call.respond({.status = 200,
                .content_type = "application/json",
                .headers = {},
                .body = std::string{openapi_document()}});
}

}  // namespace gpuhub::api
