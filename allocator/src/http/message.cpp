// Taking request targets apart: strict, so that two readers can never see two different paths.
#include "http/message.hpp"

namespace gpuhub::http {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

// In a query "+" is a space, as forms send it.
std::optional<std::string> percent_decode(std::string_view raw, bool plus_is_space) {
  std::string text{raw};
  std::size_t size = 0;  // of what is decoded, in place
  for (std::size_t i = 0; i < raw.size(); ++i) {
    char c = raw[i];
    if (c == '+' && plus_is_space) c = ' ';
    if (c == '%') {
      if (i + 2 >= raw.size()) return std::nullopt;
      const int high = hex_value(raw[i + 1]);
      const int low = hex_value(raw[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (is_control(c)) return std::nullopt;
    text[size++] = c;
  }
  text.resize(size);
  return text;
}

// Calls `each` with the parts of `text` between separators, at least one, until it says false.
template <typename Each>
bool split(std::string_view text, char separator, const Each& each) {
  while (true) {
    const std::size_t end = text.find(separator);
    if (!each(text.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

bool parse_path(std::string_view raw, Target& target) {
  raw.remove_prefix(1);  // the leading slash
  if (raw.ends_with('/')) raw.remove_suffix(1);
  if (raw.empty()) {
    target.path = "/";
    return true;
  }
  target.path.reserve(raw.size() + 1);
  target.segments.reserve(4);
  return split(raw, '/', [&](std::string_view part) {
    auto segment = percent_decode(part, false);
    if (!segment || *segment == "." || *segment == "..") return false;
    target.path += '/';
    target.path += *segment;
    target.segments.push_back(std::move(*segment));
    return true;
  });
}

bool parse_query(std::string_view raw, Target& target) {
  return split(raw, '&', [&](std::string_view part) {
    if (part.empty()) return true;
    const std::size_t equals = part.find('=');
    auto key = percent_decode(part.substr(0, equals), true);
    auto value = equals == std::string_view::npos ? std::optional<std::string>{""}
                                                  : percent_decode(part.substr(equals + 1), true);
    if (!key || !value) return false;
    target.query.emplace_back(std::move(*key), std::move(*value));
    return true;
  });
}

}  // namespace

std::optional<std::string_view> find_header(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::optional<Target> parse_target(std::string_view raw) {
  if (!raw.starts_with('/') || raw.contains('#')) return std::nullopt;
  Target target;
  const std::size_t mark = raw.find('?');
  if (!parse_path(raw.substr(0, mark), target)) return std::nullopt;
  if (mark != std::string_view::npos && !parse_query(raw.substr(mark + 1), target)) {
    return std::nullopt;
  }
  return target;
}

}  // namespace gpuhub::http
