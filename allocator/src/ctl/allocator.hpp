// The allocator seen from gpuctl: one call, its JSON, and words for what went wrong.
#pragma once

#include <boost/json/value.hpp>
#include <expected>
#include <string>

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

// Members of JSON that came over a socket: empty text or 0 where they are missing or of another type.
std::string text_at(const boost::json::value& from, std::string_view key);
std::int64_t number_at(const boost::json::value& from, std::string_view key);
const boost::json::array& array_at(const boost::json::value& from, std::string_view key);

}  // namespace gpuhub::ctl
