#include "ctl/words.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <format>

#include "ctl/allocator.hpp"

namespace gpuhub::ctl {
namespace {

constexpr std::int64_t minute = 60, hour = 60 * minute, day = 24 * hour;

// All of `text` as a number; nullopt if it is none.
std::optional<int> number_of(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  return whole && text[0] != '-' ? std::optional{number} : std::nullopt;
}

std::string two_units(std::int64_t large, const char* one, const char* many, std::int64_t small,
                      const char* unit) {
  std::string words = std::format("{} {}", large, large == 1 ? one : many);
  if (small > 0) words += std::format(" {} {}", small, unit);
  return words;
}

}  // namespace

std::string duration_words(std::int64_t seconds) {
  if (seconds < minute) return std::format("{} s", std::max<std::int64_t>(seconds, 0));
  if (seconds < hour) return std::format("{} min", (seconds + minute / 2) / minute);
  const std::int64_t minutes = (seconds + minute / 2) / minute;
  if (seconds < day) return two_units(minutes / 60, "h", "h", minutes % 60, "min");
  const std::int64_t hours = (seconds + hour / 2) / hour;
  return two_units(hours / 24, "day", "days", hours % 24, "h");
}

std::string ordinal(std::int64_t number) {
  const std::int64_t last = number % 10;
  const bool teen = number / 10 % 10 == 1;
  const char* ending = teen ? "th" : last == 1 ? "st" : last == 2 ? "nd" : last == 3 ? "rd" : "th";
  return std::to_string(number) + ending;
}

std::string estimate_words(const boost::json::value& queue) {
  const auto& estimate = member_at(queue, "estimate");
  if (!estimate.is_object()) return "-";
  const std::string likely = duration_words(number_at(estimate, "likely_s"));
  const std::string early = duration_words(number_at(estimate, "early_s"));
  const std::string late = duration_words(number_at(estimate, "late_s"));
  if (early == late) return "about " + likely;
  return std::format("about {} ({} to {})", likely, early, late);
}

std::string queue_words(const boost::json::value& queue) {
  if (!queue.is_object()) return "";
  std::string words =
      std::format("{} of {}", ordinal(number_at(queue, "position")), number_at(queue, "of"));
  const std::string estimate = estimate_words(queue);
  return estimate == "-" ? words : words + ", " + estimate;
}

std::string wants_words(const boost::json::value& wants) {
  if (member_at(wants, "all").is_bool()) return "all GPUs";
  if (member_at(wants, "none").is_bool()) return "no GPU";
  if (member_at(wants, "count").is_number()) {
    const std::int64_t count = number_at(wants, "count");
    return std::format("{} GPU{}", count, count == 1 ? "" : "s");
  }
  std::string names;
  for (const auto& uuid : array_at(wants, "uuids")) {
    const auto* text = uuid.if_string();
    if (text != nullptr) names += (names.empty() ? "" : ", ") + std::string{*text};
  }
  return names;
}

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const auto number = number_of(text.substr(0, text.size() - 1));
  if (!number || *number < 1) return std::nullopt;
  std::int64_t unit = 0;
  switch (text.back()) {
    case 's': unit = 1; break;
    case 'm': unit = minute; break;
    case 'h': unit = hour; break;
    case 'd': unit = day; break;
    default: return std::nullopt;
  }
  const std::chrono::seconds duration{*number * unit};
  return duration <= std::chrono::days{30} ? std::optional{duration} : std::nullopt;
}

std::optional<std::chrono::milliseconds> time_until(
    std::string_view text, std::chrono::sys_time<std::chrono::milliseconds> now) {
  // 2026-01-02T03:04:05.678Z, the parts at fixed places; the fraction may be missing.
  constexpr std::string_view form = "0000-00-00T00:00:00";
  if (text.size() <= form.size() || text.back() != 'Z') return std::nullopt;
  for (std::size_t i = 0; i < form.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (form[i] == '0' ? !digit : text[i] != form[i]) return std::nullopt;
  }
  std::string_view fraction = text.substr(form.size(), text.size() - form.size() - 1);
  int milliseconds = 0;
  if (!fraction.empty()) {
    if (fraction[0] != '.' || fraction.size() != 4) return std::nullopt;
    const auto parsed = number_of(fraction.substr(1));
    if (!parsed) return std::nullopt;
    milliseconds = *parsed;
  }
  const auto part = [&](std::size_t from, std::size_t size) {
    return *number_of(text.substr(from, size));  // digits: looked at above
  };
  using namespace std::chrono;
  const year_month_day date{year{part(0, 4)}, month{static_cast<unsigned>(part(5, 2))},
                            std::chrono::day{static_cast<unsigned>(part(8, 2))}};
  if (!date.ok()) return std::nullopt;
  const auto at = sys_days{date} + hours{part(11, 2)} + minutes{part(14, 2)} +
                  seconds{part(17, 2)} + std::chrono::milliseconds{milliseconds};
  return at - now;
}

}  // namespace gpuhub::ctl
