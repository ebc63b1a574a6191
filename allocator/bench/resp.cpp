#include "bench/resp.hpp"

#include <charconv>
#include <cstdint>
#include <format>
#include <iterator>
#include <optional>

namespace gpuhub::bench {
namespace {

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

// Takes one line off the front of `text`; nullopt: its end has not come.
std::optional<std::string_view> take_line(std::string_view& text) {
  const auto end = text.find("\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const auto line = text.substr(0, end);
  text.remove_prefix(end + 2);
  return line;
}

// One reply that is no array, off the front of `text`.
Reading take_scalar(std::string_view& text, Reply& into) {
  const auto line = take_line(text);
  if (!line) return Reading::more;
  if (line->empty()) return Reading::broken;
  into.text = line->substr(1);
  switch (line->front()) {
    case '+':
    case ':': into.kind = Reply::Kind::text; return Reading::whole;
    case '-': into.kind = Reply::Kind::error; return Reading::whole;
    case '$': break;
    default: return Reading::broken;
  }
  const auto size = number(into.text);
  if (!size || *size < -1 || *size > static_cast<std::int64_t>(resp_bulk_max)) {
    return Reading::broken;
  }
  if (*size == -1) {
    into = {.kind = Reply::Kind::null, .text = {}, .items = {}};
    return Reading::whole;
  }
  const auto length = static_cast<std::size_t>(*size);
  if (text.size() < length + 2) return Reading::more;
  if (text.substr(length, 2) != "\r\n") return Reading::broken;
  into.kind = Reply::Kind::text;
  into.text = text.substr(0, length);
  text.remove_prefix(length + 2);
  return Reading::whole;
}

}  // namespace

void write_command(std::initializer_list<std::string_view> words, std::string& out) {
  std::format_to(std::back_inserter(out), "*{}\r\n", words.size());
  for (const auto word : words) {
    std::format_to(std::back_inserter(out), "${}\r\n{}\r\n", word.size(), word);
  }
}

Reading RespReader::read(std::string_view text) {
  const auto whole = text.size();
  reply_ = {};
  if (text.empty()) return Reading::more;
  if (text.front() != '*') {
    const auto scalar = take_scalar(text, reply_);
    size_ = whole - text.size();
    return scalar;
  }
  const auto line = take_line(text);
  if (!line) return Reading::more;
  const auto count = number(line->substr(1));
  if (!count || *count < -1 || *count > static_cast<std::int64_t>(resp_items_max)) {
    return Reading::broken;
  }
  if (*count >= 0) reply_.kind = Reply::Kind::array;
  for (std::int64_t n = 0; n < *count; ++n) {
    Reply item;
    if (const auto taken = take_scalar(text, item); taken != Reading::whole) return taken;
    reply_.items.push_back(item.kind == Reply::Kind::null ? std::string_view{} : item.text);
  }
  size_ = whole - text.size();
  return Reading::whole;
}

}  // namespace gpuhub::bench
