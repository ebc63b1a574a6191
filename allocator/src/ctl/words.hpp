// Times, places in the queue and wishes in words for people; and the texts that people write for
// them. Pure functions.
#pragma once

#include <boost/json/fwd.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gpuhub::ctl {

// "40 s", "12 min", "3 h 20 min", "2 days 3 h"; two units at most, the smaller left out where it is
// 0. Less than nothing is "0 s".
std::string duration_words(std::int64_t seconds);
// "1st", "2nd", "3rd", "4th", "11th", "21st".
std::string ordinal(std::int64_t number);
// A lease's `queue`: "2nd of 5, about 20 min (8 min to 1 h)", or "2nd of 5" if nothing is known of
// the time. Empty unless the lease waits.
std::string queue_words(const boost::json::value& queue);
// The estimate alone; "-" if there is none.
std::string estimate_words(const boost::json::value& queue);
// A lease's `wants`: "2 GPUs", "GPU-1, GPU-2", "all GPUs", "no GPU".
std::string wants_words(const boost::json::value& wants);

// "90s", "10m", "2h", "1d": a whole number of 1 and more with its unit, up to 30 days.
std::optional<std::chrono::seconds> parse_duration(std::string_view text);
// Time from `now` until an RFC 3339 instant in UTC; nullopt if `text` is none.
std::optional<std::chrono::milliseconds> time_until(
    std::string_view text, std::chrono::sys_time<std::chrono::milliseconds> now);

}  // namespace gpuhub::ctl
