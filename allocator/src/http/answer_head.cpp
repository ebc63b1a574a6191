#include "http/answer_head.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <ostream>  // which Boost's string_view, next, needs and leaves out
#include <boost/beast/http/status.hpp>
#include <string_view>

namespace gpuhub::http {
namespace {

void append_number(std::string& to, std::size_t number) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.begin(), digits.end(), number).ptr;
  to.append(digits.begin(), end);
}

// A header may hold what a client sent: it never ends the line.
void append_one_line(std::string& to, std::string_view text) {
  const std::size_t from = to.size();
  to += text;
  std::replace_if(
      to.begin() + static_cast<std::ptrdiff_t>(from), to.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
}

void append_field(std::string& to, std::string_view name, std::string_view value) {
  append_one_line(to, name);
  to += ": ";
  append_one_line(to, value);
  to += "\r\n";
}

// Up to the fields that say where the body ends.
void append_start(std::string& to, const Response& response, const AnswerForm& form) {
  to += form.http_1_0 ? "HTTP/1.0 " : "HTTP/1.1 ";
  append_number(to, static_cast<std::size_t>(response.status));
  to += ' ';
  to += boost::beast::http::obsolete_reason(
      boost::beast::http::int_to_status(static_cast<unsigned>(response.status)));
  to += "\r\n";
  if (!response.content_type.empty()) append_field(to, "Content-Type", response.content_type);
  for (const auto& [name, value] : response.headers) append_field(to, name, value);
  if (!form.keep_alive && !form.http_1_0) to += "Connection: close\r\n";
  if (form.keep_alive && form.http_1_0) to += "Connection: keep-alive\r\n";
}

}  // namespace

bool carries_body(const Response& response, const AnswerForm& form) {
  return !form.head_only && response.status != 204 && response.status != 304;
}

void append_head(std::string& to, const Response& response, const AnswerForm& form) {
  append_start(to, response, form);
  if (response.status != 204 && response.status != 304) {
    to += "Content-Length: ";
    append_number(to, response.body.size());
    to += "\r\n";
  }
  to += "\r\n";
}

void append_stream_head(std::string& to, const Response& head, const AnswerForm& form) {
  append_start(to, head, form);
  if (!form.http_1_0) to += "Transfer-Encoding: chunked\r\n";
  to += "\r\n";
}

}  // namespace gpuhub::http
