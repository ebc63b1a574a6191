#include "api/problem.hpp"

#include <algorithm>
#include <array>

#include "model/assert.hpp"

namespace gpuhub::api {
namespace {
constexpr std::array<ProblemKind, 19> kinds{{
    {Problem::bad_request, "bad-request", 400, "The request cannot be understood"},
    {Problem::forbidden, "forbidden", 403, "Not allowed for this caller"},
    {Problem::not_found, "not-found", 404, "There is no such thing"},
    {Problem::method_not_allowed, "method-not-allowed", 405, "Not a method of this resource"},
    {Problem::timeout, "timeout", 408, "The request did not arrive in time"},
    {Problem::too_large, "too-large", 413, "The request's body is too large"},
    {Problem::head_too_large, "head-too-large", 431, "The request's head is too large"},
    {Problem::no_gpu_free, "no-gpu-free", 409, "No GPU is free"},
    {Problem::queue_full, "queue-full", 409, "As many wait as may"},
    {Problem::owner_active, "owner-active", 409, "The owner holds an active lease"},
    {Problem::owner_ending, "owner-ending", 409, "The owner's older lease is ending"},
    {Problem::lease_state, "lease-state", 409, "The lease is not in a state for this"},
    {Problem::stale_epoch, "stale-epoch", 409, "The lease comes from a lost store"},
    {Problem::request_reused, "request-reused", 409, "The request id belongs to another request"},
    {Problem::inventory_source, "inventory-source", 409, "The inventory is not a listed one"},
    {Problem::impossible, "impossible", 422, "This machine can never serve the request"},
    {Problem::too_many_requests, "too-many-requests", 429, "Too many requests wait already"},
    {Problem::not_ready, "not-ready", 503, "Not ready yet"},
    {Problem::internal, "internal", 500, "An error inside the allocator"},
}};
}  // namespace

std::span<const ProblemKind> problem_kinds() { return kinds; }

const ProblemKind& kind_of(Problem problem) {
  const auto* found = std::ranges::find(kinds, problem, &ProblemKind::problem);
  GPUHUB_ASSERT(found != kinds.end());
  return *found;
}

http::Response problem(Problem which, std::string_view detail,
                       const std::function<void(text::JsonText&)>& more) {
  const ProblemKind& kind = kind_of(which);
  text::JsonText body;
  body.text("type", "urn:gpuhub:problem:" + std::string{kind.slug});
  body.text("title", kind.title);
  body.number("status", kind.status);
  body.text("detail", detail);
  if (more) more(body);
  http::Response response{.status = kind.status,
                          .content_type = "application/problem+json",
                          .headers = {},
                          .body = std::move(body).finish()};
  const bool soon = which == Problem::owner_ending || which == Problem::too_many_requests ||
                    which == Problem::not_ready;
  if (soon) response.headers.emplace_back("Retry-After", "1");
  return response;
}

http::Response problem_for_status(int status, std::string_view detail) {
  const auto* found = std::ranges::find(kinds, status, &ProblemKind::status);
  return problem(found == kinds.end() ? Problem::internal : found->problem, detail);
}

}  // namespace gpuhub::api
