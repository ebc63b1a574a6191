// Which handler gets a request, and what is refused before any does.
#include "api/api.hpp"

#include <algorithm>
#include <array>
#include <format>

#include "api/answers.hpp"
#include "api/problem.hpp"

namespace gpuhub::api {
namespace {
// The segments of a route's path; "{…}" takes any one segment.
bool matches(std::string_view path, const std::vector<std::string>& segments, std::string& name) {
  std::size_t i = 0;
  for (path.remove_prefix(1); !path.empty(); ++i) {
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), part.size() + 1));
    if (i == segments.size()) return false;
    if (part.starts_with('{')) {
      name = segments[i];
    } else if (part != segments[i]) {
      return false;
    }
  }
  return i == segments.size();
}
}  // namespace

http::Response bad_request(const JsonFaults& faults) {
  const JsonFault& first = faults.front();
  std::string detail = first.pointer.empty() ? first.what : first.pointer + ": " + first.what;
  if (faults.size() > 1) detail += std::format(" (and {} more)", faults.size() - 1);
  return problem(Problem::bad_request, detail, [&](text::JsonText& out) {
    out.list("errors", faults, [&](const JsonFault& fault) {
      out.object_item([&] {
        out.text("pointer", fault.pointer);
        out.text("detail", fault.what);
      });
    });
  });
}

Api::Api(http::Loop& loop, service::Service& service, const Facts& facts, Settings settings,
         std::function<model::Now()> now, std::function<http::ServerCounters()> http)
    : service_(service),
      facts_(facts),
      settings_(std::move(settings)),
      now_(std::move(now)),
      http_(std::move(http)),
      polls_(service),
      events_(loop) {
  service_.on_durable([this](const std::vector<model::Record>& records) {
    polls_.changed(records);
    events_.changed(records);
  });
}

std::span<const Api::Entry> Api::entries() {
  static constexpr std::array<Entry, 15> table{{
      {"GET", "/healthz", false, false, false, &Api::healthz},
      {"GET", "/readyz", false, false, false, &Api::readyz},
      {"GET", "/metrics", false, false, false, &Api::metrics},
      {"GET", "/openapi.json", false, false, false, &Api::openapi},
      {"GET", "/v1/events", true, false, false, &Api::events},
      {"GET", "/v1/gpus", false, false, true, &Api::get_gpus},
      {"PUT", "/v1/gpus", true, true, false, &Api::put_gpus},
      {"GET", "/v1/gpus/{uuid}", false, false, false, &Api::get_gpu},
      {"PATCH", "/v1/gpus/{uuid}", true, true, false, &Api::patch_gpu},
      {"POST", "/v1/leases", false, true, false, &Api::ask},
      {"GET", "/v1/leases", false, false, true, &Api::get_leases},
      {"GET", "/v1/leases/{id}", false, false, true, &Api::get_lease},
      {"DELETE", "/v1/leases/{id}", false, false, false, &Api::release},
      {"POST", "/v1/leases/{id}/bind", false, true, false, &Api::bind},
      {"POST", "/v1/leases/{id}/renew", false, false, false, &Api::renew},
  }};
  return table;
}

std::vector<std::pair<std::string, std::string>> routes() {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& entry : Api::entries()) out.emplace_back(entry.method, entry.path);
  return out;
}

std::optional<Caller> Api::caller_of(const http::Request& request) {
  if (request.role == local_hub) {
    return parse_role(request.role, settings_.account_of ? settings_.account_of(request.peer.uid)
                                                         : std::string{});
  }
  const auto [known, fresh] = callers_.try_emplace(request.role);
  if (fresh) known->second = parse_role(request.role);
  return known->second;
}

void Api::handle(http::Request request, http::Respond respond) {
  const auto caller = caller_of(request);
  if (!caller) {
    return respond(problem(Problem::internal, "the socket has no role that the API knows"));
  }
  std::string name;
  const auto fits = [&](const Entry& one) {
    return matches(one.path, request.target.segments, name);
  };
  const auto entry = std::ranges::find_if(entries(), [&](const Entry& one) {
    return one.method == request.method && fits(one);
  });
  if (entry == entries().end()) {
    std::string allowed;
    for (const Entry& one : entries()) {
      if (fits(one)) allowed += (allowed.empty() ? "" : ", ") + std::string{one.method};
    }
    if (allowed.empty()) {
      return respond(problem(Problem::not_found, "there is no such path; see /openapi.json"));
    }
    auto answer = problem(Problem::method_not_allowed, "allowed here: " + allowed);
    answer.headers.emplace_back("Allow", allowed);
    return respond(std::move(answer));
  }
  if (entry->admin_only && !caller->admin()) {
    return respond(problem(Problem::forbidden, "only the admin socket may do this"));
  }
  if (!entry->body && !request.body.empty()) {
    return respond(problem(Problem::bad_request, "this call takes no body"));
  }
  if (!request.target.query.empty() && !entry->query) {
    return respond(problem(Problem::bad_request, "this call takes no query parameters"));
  }
  (this->*entry->handle)({std::move(request), *caller, std::move(name), std::move(respond)});
}

}  // namespace gpuhub::api
