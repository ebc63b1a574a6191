#include "bench/http_reader.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace gpuhub::bench {
namespace {

bool equal_words(std::string_view a, std::string_view b) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// A whole text of digits and nothing else.
std::optional<std::size_t> number(std::string_view text, int base) {
  std::size_t value = 0;
  const auto* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

struct Head {
  std::optional<std::size_t> length;
  bool chunked = false;
  std::optional<bool> keep_alive;
  bool good = true;
};

Head read_fields(std::string_view fields) {
  Head head;
  while (!fields.empty()) {
    const auto end = fields.find("\r\n");
    const auto line = fields.substr(0, end);
    fields.remove_prefix(end == std::string_view::npos ? fields.size() : end + 2);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) {
      head.good = false;
      continue;
    }
    const auto name = line.substr(0, colon);
    const auto value = trimmed(line.substr(colon + 1));
    if (equal_words(name, "content-length")) {
      head.length = number(value, 10);
      if (!head.length || *head.length > http_body_max) head.good = false;
    } else if (equal_words(name, "transfer-encoding")) {
      head.chunked = equal_words(value, "chunked");
    } else if (equal_words(name, "connection")) {
      head.keep_alive = !equal_words(value, "close");
    }
  }
  return head;
}

}  // namespace

Reading HttpReader::broken(std::string_view why) {
  why_ = why;
  return Reading::broken;
}

Reading HttpReader::read(std::string_view text) {
  const auto head_end = text.find("\r\n\r\n");
  if (head_end == std::string_view::npos) {
    return text.size() > http_head_max ? broken("the head is too long") : Reading::more;
  }
  const auto line = text.substr(0, text.find("\r\n"));
  if (!line.starts_with("HTTP/1.") || line.size() < 12) return broken("not an HTTP/1 answer");
  const auto status = number(line.substr(9, 3), 10);
  if (!status || *status < 200) return broken("an unexpected status");
  answer_ = {};
  answer_.status = static_cast<int>(*status);
  const auto begin = std::min(line.size() + 2, head_end);
  const Head head = read_fields(text.substr(begin, head_end - begin));
  if (!head.good) return broken("a malformed header field");
  answer_.close = !head.keep_alive.value_or(line.starts_with("HTTP/1.1"));

  const auto body = head_end + 4;
  if (head.chunked) return read_chunks(text, body);
  const bool bodiless = *status == 204 || *status == 304;
  if (!head.length && !bodiless) return broken("neither a length nor chunks");
  const std::size_t length = bodiless ? 0 : *head.length;
  if (text.size() - body < length) return Reading::more;
  answer_.body = text.substr(body, length);
  answer_.size = body + length;
  return Reading::whole;
}

Reading HttpReader::read_chunks(std::string_view text, std::size_t from) {
  chunks_.clear();
  while (true) {
    const auto line_end = text.find("\r\n", from);
    if (line_end == std::string_view::npos) return Reading::more;
    auto line = text.substr(from, line_end - from);
    const auto size = number(trimmed(line.substr(0, line.find(';'))), 16);
    if (!size || *size > http_body_max - chunks_.size()) return broken("a malformed chunk");
    from = line_end + 2;
    if (text.size() < from + *size + 2) return Reading::more;
    if (text.substr(from + *size, 2) != "\r\n") return broken("a chunk of another size");
    chunks_.append(text.substr(from, *size));
    from += *size + 2;
    if (*size == 0) break;  // no peer sends trailers
  }
  answer_.body = chunks_;
  answer_.size = from;
  return Reading::whole;
}

}  // namespace gpuhub::bench
