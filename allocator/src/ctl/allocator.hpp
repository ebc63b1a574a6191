// The allocator seen from gpuctl: one call, its JSON, and words for what went wrong.
#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "http/client.hpp"

namespace gpuhub::ctl {

struct Failure {
  std::string message;          // for stderr, printable: what was tried, what came, what to do
  std::string slug{};           // of the problem that came; empty: no answer, or none of this API
  std::optional<http::ClientErrorKind> unheard{};  // set if there was no answer
};
struct Answer {
  int status = 0;
  boost::json::value body;
};

inline constexpr std::chrono::seconds patience{10};

// One call at `socket`; a body that is not null is sent as JSON. Any status with a JSON body is an
// answer.
std::expected<Answer, Failure> call(const std::string& socket, const std::string& method,
                                    const std::string& target, const boost::json::value& body = {},
                                    std::chrono::milliseconds time = patience);
// What an HTTP client got, as call() gives it.
std::expected<Answer, Failure> read_answer(
    const std::string& socket, const std::expected<http::Response, http::ClientError>& response);
// The same as call(), but only the statuses 200, 201 and 202 are good: a problem is a Failure in
// the problem's own words.
std::expected<boost::json::value, Failure> call_good(const std::string& socket,
                                                     const std::string& method,
                                                     const std::string& target,
                                                     const boost::json::value& body = {});
std::expected<Answer, Failure> get(const std::string& socket, const std::string& target);
std::expected<boost::json::value, Failure> get_good(const std::string& socket,
                                                    const std::string& target);
// The words for an answer that is no good one.
Failure problem_words(const std::string& socket, const std::string& target, const Answer& answer);

// Members of JSON that came over a socket: what `from` has not, or has as another type, is null,
// empty text, 0 or an empty array.
const boost::json::value& member_at(const boost::json::value& from, std::string_view key);
std::string text_at(const boost::json::value& from, std::string_view key);
std::int64_t number_at(const boost::json::value& from, std::string_view key);
bool truth_at(const boost::json::value& from, std::string_view key);
const boost::json::array& array_at(const boost::json::value& from, std::string_view key);

// "user" or "user/server", with the hub in front where it is not the usual one. `owner` is null
// where the allocator does not tell: "(not shown)".
std::string person(const boost::json::value& owner);

// For --json: one line to stdout.
void print_json(const boost::json::value& body);

}  // namespace gpuhub::ctl
