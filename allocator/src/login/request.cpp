#include "login/request.hpp"

#include <boost/json/value.hpp>

#include <string.h>  // NOLINT: explicit_bzero

#include <algorithm>
#include <optional>

#include "api/json_reader.hpp"

namespace gpuhub::login {
namespace {
namespace json = boost::json;

constexpr std::size_t name_max = 64;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool any_text(std::string_view) { return true; }
bool known_op(std::string_view text) {
  return text == "check" || text == "look" || text == "ping";
}
constexpr api::Rule op_rule{known_op, "check, look, ping"};
constexpr api::Rule text_rule{any_text, "any text"};

// The parsed document, its password wiped when it goes.
struct Document {
  json::value value;
  ~Document() {
    auto* object = value.if_object();
    auto* password = object == nullptr ? nullptr : object->if_contains("password");
    if (password == nullptr || !password->is_string()) return;
    auto& text = password->get_string();
    ::explicit_bzero(text.data(), text.size());
  }
};

}  // namespace

void wipe(std::string& text) {
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

std::expected<Request, std::string> read_request(std::string_view line) {
  auto parsed = api::parse_json(line);
  if (!parsed) return std::unexpected(parsed.error().pointer + ": " + parsed.error().what);
  Document document{*std::move(parsed)};
  api::JsonFaults faults;
  api::Object object{document.value, "", faults};
  Request request;
  const auto op = object.text("op", api::Need::required, op_rule);
  request.op = op == "check" ? Op::check : op == "look" ? Op::look : Op::ping;
  if (op && *op != "ping") {
    request.name = object.text("name", api::Need::required, text_rule).value_or("");
  }
  if (op == "check") {
    if (auto password = object.text("password", api::Need::required, text_rule)) {
      request.password = *password;
      wipe(*password);
    }
  }
  object.finish();
  if (faults.empty()) return request;
  return std::unexpected(faults.front().pointer + ": " + faults.front().what);
}

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > name_max) return false;
  if (!is_letter_or_digit(text.front()) && text.front() != '_') return false;
  return std::ranges::all_of(text, [](char c) {
    return is_letter_or_digit(c) || c == '_' || c == '.' || c == '@' || c == '-';
  });
}

bool is_password(std::string_view text) {
  if (text.size() > password_max || text.contains('\0')) return false;
  return std::ranges::any_of(text, [](char c) { return c != ' ' && (c < '\t' || c > '\r'); });
}

}  // namespace gpuhub::login
