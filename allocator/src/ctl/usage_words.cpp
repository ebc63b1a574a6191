#include "ctl/usage_words.hpp"

#include <algorithm>
#include <boost/json/value.hpp>
#include <cmath>
#include <format>

#include "ctl/allocator.hpp"
#include "ctl/words.hpp"

namespace gpuhub::ctl {
namespace {

using boost::json::value;

// "43 %" of 0.43; "?" if it is no number.
std::string percent(const value& ratio) {
  if (!ratio.is_number()) return "?";
  const double share = std::clamp(ratio.to_number<double>(), 0.0, 1.0);
  return std::format("{} %", std::lround(share * 100));
}

std::string count_words(std::int64_t count, const char* one, const char* many) {
  return std::format("{} {}", count, count == 1 ? one : many);
}

std::string foreign_words(const value& foreign) {
  const auto& load = member_at(foreign, "utilisation");
  const std::int64_t processes = number_at(foreign, "processes");
  const bool works = load.is_number() && load.to_number<double>() >= 0.005;
  if (processes == 0 && !works) return "";
  std::string words = "; foreign: " + count_words(processes, "process", "processes");
  words += std::format(", {} MiB", number_at(foreign, "memory_used_mib"));
  return load.is_number() ? words + ", " + percent(load) : words;
}

std::string measured_words(const value& usage) {
  const std::string measured = text_at(usage, "measured");
  const std::string why = text_at(usage, "why");
  const std::string how = measured == "process" ? "by its processes"
                          : measured == "gpu"   ? "by the whole GPU"
                                                : "not now";
  return why.empty() ? how : how + ": " + why;
}

}  // namespace

std::string usage_words(const value& usage) {
  if (!usage.is_object()) return "-";
  if (!member_at(usage, "busy").is_bool()) return "not measured";
  if (!truth_at(usage, "busy")) return "idle " + duration_words(number_at(usage, "idle_for_s"));
  return "busy " + percent(member_at(member_at(usage, "utilisation"), "now"));
}

std::vector<std::pair<const char*, std::string>> usage_lines(const value& usage) {
  std::vector<std::pair<const char*, std::string>> lines;
  if (!usage.is_object()) return lines;
  lines.emplace_back("use", usage_words(usage));
  if (const auto& rates = member_at(usage, "utilisation"); rates.is_object()) {
    lines.emplace_back("load", std::format("{}; 1 min: {}, 5 min: {}, 15 min: {}",
                                           percent(member_at(rates, "now")),
                                           percent(member_at(rates, "1m")),
                                           percent(member_at(rates, "5m")),
                                           percent(member_at(rates, "15m"))));
  }
  if (const auto at = text_at(usage, "last_busy_at"); !at.empty()) {
    lines.emplace_back("last busy", at);
  }
  if (member_at(usage, "processes").is_number()) {
    std::string words = count_words(number_at(usage, "processes"), "process", "processes");
    if (member_at(usage, "memory_used_mib").is_number()) {
      words += std::format(", {} MiB", number_at(usage, "memory_used_mib"));
    }
    lines.emplace_back("on the GPU", words);
  }
  lines.emplace_back("measured", measured_words(usage));
  if (const auto at = text_at(usage, "since"); !at.empty()) {
    lines.emplace_back("measured since", at);
  }
  return lines;
}

std::string load_words(const value& load) {
  std::string words = "-";
  if (member_at(load, "gpu_util").is_number()) {
    words = std::format("{} %", number_at(load, "gpu_util"));
  }
  const auto& five = member_at(member_at(load, "average"), "5m");
  if (five.is_number()) words += " (5 min: " + percent(five) + ")";
  return words + foreign_words(member_at(load, "foreign"));
}

}  // namespace gpuhub::ctl
