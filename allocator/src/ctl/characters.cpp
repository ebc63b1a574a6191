#include "ctl/characters.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <optional>
#include <span>

namespace gpuhub::ctl {
namespace {

struct Range {
  char32_t first, last;
};
// Control characters, line separators and marks of direction: never printed.
constexpr std::array<Range, 8> unsafe{{{0x00, 0x1F},
                                       {0x7F, 0x9F},
                                       {0x200B, 0x200F},
                                       {0x2028, 0x202E},
                                       {0x2060, 0x206F},
                                       {0xFEFF, 0xFEFF},
                                       {0xFFF9, 0xFFFB},
                                       {0xE0000, 0xE007F}}};
constexpr std::array<Range, 6> combining{{{0x0300, 0x036F},
                                          {0x1AB0, 0x1AFF},
                                          {0x1DC0, 0x1DFF},
                                          {0x20D0, 0x20FF},
                                          {0xFE00, 0xFE0F},
                                          {0xFE20, 0xFE2F}}};
constexpr std::array<Range, 9> wide{{{0x1100, 0x115F},
                                     {0x2E80, 0xA4CF},
                                     {0xAC00, 0xD7A3},
                                     {0xF900, 0xFAFF},
                                     {0xFE30, 0xFE6F},
                                     {0xFF00, 0xFF60},
                                     {0xFFE0, 0xFFE6},
                                     {0x1F300, 0x1FAFF},
                                     {0x20000, 0x3FFFD}}};

bool is_in(char32_t c, std::span<const Range> ranges) {
  return std::ranges::any_of(ranges, [c](Range r) { return c >= r.first && c <= r.last; });
}

// Takes the first character off `text`. nullopt: its first byte begins none, and only it is taken.
std::optional<char32_t> take(std::string_view& text) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  const std::size_t size = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3
                           : first < 0xF5                                                 ? 4
                                                                                          : 0;
  char32_t c = size == 1 ? first : first & (0xFFU >> (size + 1));
  bool good = size > 0 && size <= text.size();
  for (std::size_t i = 1; good && i < size; ++i) {
    good = (byte(i) & 0xC0U) == 0x80U;
    c = (c << 6U) | (byte(i) & 0x3FU);
  }
  constexpr std::array<char32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};  // no longer forms
  good = good && c >= smallest[size] && c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
  text.remove_prefix(good ? size : 1);
  return good ? std::optional{c} : std::nullopt;
}

// A copy in which `replace(character)` stands for each one that is unsafe.
template <typename Replace>
std::string without_unsafe(std::string_view text, const Replace& replace) {
  std::string out;
  while (!text.empty()) {
    const std::string_view before = text;
    const auto c = take(text);
    if (c && !is_in(*c, unsafe)) {
      out += before.substr(0, before.size() - text.size());
    } else {
      out += replace(c);
    }
  }
  return out;
}

}  // namespace

std::string printable(std::string_view text) {
  return without_unsafe(text, [](std::optional<char32_t>) { return "?"; });
}

std::string printable_json(std::string_view json) {
  return without_unsafe(json, [](std::optional<char32_t> c) -> std::string {
    if (!c) return "?";
    if (*c < 0x10000) return std::format("\\u{:04x}", static_cast<unsigned>(*c));
    const unsigned pair = static_cast<unsigned>(*c) - 0x10000U;
    return std::format("\\u{:04x}\\u{:04x}", 0xD800U + (pair >> 10U), 0xDC00U + (pair & 0x3FFU));
  });
}

std::size_t columns(std::string_view text) {
  std::size_t total = 0;
  while (!text.empty()) {
    const char32_t c = take(text).value_or(U'?');
    if (!is_in(c, combining)) total += is_in(c, wide) ? 2 : 1;
  }
  return total;
}

}  // namespace gpuhub::ctl
