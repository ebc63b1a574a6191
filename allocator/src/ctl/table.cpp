#include "ctl/table.hpp"

#include <algorithm>
#include <cstddef>

#include "ctl/characters.hpp"
#include "model/assert.hpp"

namespace gpuhub::ctl {
namespace {

constexpr std::size_t gap = 2;  // columns between two cells

std::string aligned(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  std::vector<Row> shown;
  for (const Row& row : rows) {
    GPUHUB_ASSERT(row.size() == widths.size());
    Row& cells = shown.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) {
      cells.push_back(printable(row[i]));
      widths[i] = std::max(widths[i], columns(cells[i]));
    }
  }
  std::string out;
  for (const Row& row : shown) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - columns(row[i]) + gap, ' ');
    }
    out.erase(out.find_last_not_of(' ') + 1);
    out += '\n';
  }
  return out;
}

}  // namespace

std::string table(const Row& head, const std::vector<Row>& rows) {
  std::vector<Row> all{head};
  all.insert(all.end(), rows.begin(), rows.end());
  return aligned(all);
}

std::string fields(const std::vector<std::pair<std::string, std::string>>& rows) {
  std::vector<Row> all;
  for (const auto& [name, value] : rows) all.push_back({name, value});
  return all.empty() ? "" : aligned(all);
}

}  // namespace gpuhub::ctl
