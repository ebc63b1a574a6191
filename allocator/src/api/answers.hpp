// Answers that several handlers give. For the sources of api/ only.
#pragma once

#include "api/json_reader.hpp"
#include "http/message.hpp"
#include "text/json_text.hpp"

namespace gpuhub::api {

// `fill(JsonText&)` writes the members of the body.
template <typename Fill>
http::Response json_answer(int status, const Fill& fill) {
  text::JsonText body{2048};  // a granted lease with what to inject
  fill(body);
  return {.status = status, .content_type = "application/json", .headers = {},
          .body = std::move(body).finish()};
}
// 400 with all faults: the first one in `detail`, each in `errors`.
http::Response bad_request(const JsonFaults& faults);

}  // namespace gpuhub::api
