// Problem details (RFC 9457): the closed list of what can go wrong, each with a stable type.
// docs/api.md and the OpenAPI document name every one; a test holds them together.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "http/message.hpp"
#include "text/json_text.hpp"

namespace gpuhub::api {

enum class Problem : std::uint8_t {
  bad_request, forbidden, not_found, method_not_allowed, timeout, too_large, head_too_large,
  no_gpu_free, queue_full, owner_active, owner_ending, lease_state, stale_epoch, request_reused,
  inventory_source, impossible, too_many_requests, not_ready, internal
};

struct ProblemKind {
  Problem problem;
  std::string_view slug;   // type is "urn:gpuhub:problem:" + slug
  int status;
  std::string_view title;  // the same for every occurrence
};
std::span<const ProblemKind> problem_kinds();
const ProblemKind& kind_of(Problem problem);

// `detail` is one sentence a person can act on; `more` writes members beside the standard ones.
http::Response problem(Problem kind, std::string_view detail,
                       const std::function<void(text::JsonText&)>& more = {});
// The problem for what never reached a handler, by the server's status.
http::Response problem_for_status(int status, std::string_view detail);

}  // namespace gpuhub::api
