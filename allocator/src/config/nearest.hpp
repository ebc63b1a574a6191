// "Did you mean …": the known word nearest to a mistyped one.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace gpuhub::config {

// The word of `known` that takes the fewest single-character changes to make from `text`; nullopt
// if even that takes more than a third of its length (at least 2).
std::optional<std::string> nearest(std::string_view text, const std::set<std::string>& known);

}  // namespace gpuhub::config
