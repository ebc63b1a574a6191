#include "config/quantity.hpp"

#include <array>
#include <charconv>
#include <utility>

namespace gpuhub::config {
namespace {
using Unit = std::pair<std::string_view, std::int64_t>;

// The number times its unit; nullopt unless all of `text` is digits and a unit, at most `most`.
template <std::size_t N>
std::optional<std::int64_t> parse(std::string_view text, const std::array<Unit, N>& units,
                                  std::int64_t most) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const auto& [name, factor] : units) {
    if (name != unit) continue;
    if (number > most / factor) return std::nullopt;
    return number * factor;
  }
  return std::nullopt;
}

constexpr std::array<Unit, 5> time_units{
    {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<Unit, 5> size_units{{{"B", 1},
                                          {"KiB", std::int64_t{1} << 10},
                                          {"MiB", std::int64_t{1} << 20},
                                          {"GiB", std::int64_t{1} << 30},
                                          {"TiB", std::int64_t{1} << 40}}};
}  // namespace

std::optional<int> parse_whole(std::string_view text, int least, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  if (!whole || value < least || value > most) return std::nullopt;
  return value;
}

std::optional<model::Duration> parse_duration(std::string_view text) {
  const auto ms = parse(text, time_units, std::int64_t{3653} * 86'400'000);
  if (!ms) return std::nullopt;
  return model::Duration{*ms};
}

std::optional<std::int64_t> parse_size(std::string_view text) {
  return parse(text, size_units, std::int64_t{1} << 53);
}

}  // namespace gpuhub::config
