#include "text/json_text.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <format>
#include <utility>

namespace gpuhub::text {
namespace {

bool needs_escape(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

// Whether one of eight bytes needs an escape; maybe also if one is no ASCII.
bool may_need_escape(std::uint64_t eight) {
  constexpr std::uint64_t ones = 0x0101010101010101;
  const std::uint64_t quote = eight ^ (ones * '"');
  const std::uint64_t backslash = eight ^ (ones * '\\');
  // The high bit of a byte comes up where the byte was less than what is taken from it.
  return (((eight - ones * 0x20) | (quote - ones) | (backslash - ones) | eight) & (ones * 0x80)) !=
         0;
}

// How much of the start is written as it is.
std::size_t plain_start(std::string_view text) {
  std::size_t at = 0;
  for (std::uint64_t eight = 0; at + sizeof eight <= text.size(); at += sizeof eight) {
    std::memcpy(&eight, text.data() + at, sizeof eight);
    if (may_need_escape(eight)) break;
  }
  while (at < text.size() && !needs_escape(text[at])) ++at;
  return at;
}

}  // namespace

void JsonText::open(char bracket) {
  text_ += bracket;
  first_ = true;
}

void JsonText::begin(const JsonKey& key, char bracket) {
  name(key);
  open(bracket);
}

void JsonText::end(char bracket) {
  text_ += bracket;
  first_ = false;
}

void JsonText::append_number(std::int64_t value) {
  std::array<char, 20> digits{};
  text_.append(digits.begin(), std::to_chars(digits.begin(), digits.end(), value).ptr);
}

void JsonText::ratio(const JsonKey& key, double value) {
  auto digits = std::format("{:.3f}", value);
  while (digits.ends_with("00") || (digits.ends_with('0') && digits.at(digits.size() - 2) != '.')) {
    digits.pop_back();
  }
  name(key);
  text_ += digits;
}

void JsonText::append_text(std::string_view value) {
  text_ += '"';
  while (true) {
    const std::size_t plain = plain_start(value);
    text_ += value.substr(0, plain);
    if (plain == value.size()) break;
    const char c = value[plain];
    if (c == '"' || c == '\\') {
      text_ += '\\';
      text_ += c;
    } else {
      text_ += std::format("\\u{:04x}", static_cast<unsigned>(c));
    }
    value.remove_prefix(plain + 1);
  }
  text_ += '"';
}

void JsonText::text(const JsonKey& key, std::string_view value) {
  name(key);
  append_text(value);
}
void JsonText::member(std::string_view key, std::string_view value) {
  comma();
  append_text(key);
  text_ += ':';
  append_text(value);
}
void JsonText::number(const JsonKey& key, std::int64_t value) {
  name(key);
  append_number(value);
}
void JsonText::yes_no(const JsonKey& key, bool value) {
  name(key);
  text_ += value ? "true" : "false";
}
void JsonText::null(const JsonKey& key) {
  name(key);
  text_ += "null";
}
void JsonText::yes_no_or_null(const JsonKey& key, std::optional<bool> value) {
  if (value) {
    yes_no(key, *value);
  } else {
    null(key);
  }
}

void JsonText::text_item(std::string_view value) {
  comma();
  append_text(value);
}
void JsonText::number_item(std::int64_t value) {
  comma();
  append_number(value);
}

std::string JsonText::finish() && {
  text_ += '}';
  return std::move(text_);
}

}  // namespace gpuhub::text
