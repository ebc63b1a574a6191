#include "ctl/table.hpp"

#include <algorithm>
#include <cstddef>

#include "model/assert.hpp"

namespace gpuhub::ctl {
namespace {

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return !continues(c); }));
}

void append(std::string& into, const Row& row, const std::vector<std::size_t>& widths) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    into += row[i];
    if (i + 1 < row.size()) into.append(widths[i] - width(row[i]) + 2, ' ');
  }
  into.erase(into.find_last_not_of(' ') + 1);
  into += '\n';
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // U+0080..U+009F, the second set of control characters, begins with C2 in UTF-8.
    const bool c1 = byte == 0xC2 && i + 1 < text.size() &&
                    static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (byte < ' ' || byte == 127 || c1) {
      out += '?';
      if (c1) ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string table(const Row& head, const std::vector<Row>& rows) {
  std::vector<Row> shown{head};
  for (const Row& row : rows) {
    GPUHUB_ASSERT(row.size() == head.size());
    Row& cells = shown.emplace_back();
    for (const auto& cell : row) cells.push_back(printable(cell));
  }
  std::vector<std::size_t> widths(head.size(), 0);
  for (const Row& row : shown) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  for (const Row& row : shown) append(out, row, widths);
  return out;
}

}  // namespace gpuhub::ctl
