#include "config/nearest.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace gpuhub::config {
namespace {
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}
}  // namespace

std::optional<std::string> nearest(std::string_view text, const std::set<std::string>& known) {
  if (text.size() > 64) return std::nullopt;
  std::optional<std::string> best;
  std::size_t least = std::max<std::size_t>(2, text.size() / 3) + 1;
  for (const std::string& word : known) {
    const std::size_t changes = distance(text, word);
    if (changes < least) {
      least = changes;
      best = word;
    }
  }
  return best;
}

}  // namespace gpuhub::config
