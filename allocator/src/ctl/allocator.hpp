// The allocator seen from gpuctl: one call, its JSON, and words for what went wrong.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace gpuhub::ctl {

struct Failure {
  std::string message;  // for stderr, printable: what was tried, what came, what to do
};
struct Answer {
  int status = 0;
  boost::json::value body;
};

// GET `target` at `socket`. Any status with a JSON body is an answer.
std::expected<Answer, Failure> get(const std::string& socket, const std::string& target);
// The same, but a problem is a Failure in the problem's own words.
std::expected<boost::json::value, Failure> get_good(const std::string& socket,
                                                    const std::string& target);

// Members of JSON that came over a socket: what `from` has not, or has as another type, is null,
// empty text, 0 or an empty array.
const boost::json::value& member_at(const boost::json::value& from, std::string_view key);
std::string text_at(const boost::json::value& from, std::string_view key);
std::int64_t number_at(const boost::json::value& from, std::string_view key);
const boost::json::array& array_at(const boost::json::value& from, std::string_view key);

// "user" or "user/server", with the hub in front where it is not the usual one. `owner` is null
// where the allocator does not tell: "(not shown)".
std::string person(const boost::json::value& owner);

// For --json: one line to stdout.
void print_json(const boost::json::value& body);

}  // namespace gpuhub::ctl
