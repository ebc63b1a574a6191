// Durations and sizes as people write them: "90s", "3m", "2h"; "512MiB", "8GiB".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "model/units.hpp"

namespace gpuhub::config {

// Nothing but digits (and a minus, where `least` is below 0), within the bounds.
std::optional<int> parse_whole(std::string_view text, int least, int most);
// A whole number and ms, s, m, h or d, nothing between. nullopt: anything else, or above 10 years.
std::optional<model::Duration> parse_duration(std::string_view text);
// A whole number and B, KiB, MiB, GiB or TiB. nullopt on anything else, or above 2^53.
std::optional<std::int64_t> parse_size(std::string_view text);

}  // namespace gpuhub::config
