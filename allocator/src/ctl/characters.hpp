// Text from the network, made fit for a terminal: what could move its cursor, reorder a line or end
// an escape sequence never reaches it; and how many columns the rest takes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gpuhub::ctl {

// Valid UTF-8 on one line. Control characters, marks that change the direction of text and bytes
// that are no UTF-8 become `?` each.
std::string printable(std::string_view text);
// The same for JSON as serialized: what would be `?` becomes its \uXXXX, so that nothing is lost.
std::string printable_json(std::string_view json);
// Columns of a terminal that printable `text` takes: 2 for East Asian characters and emoji, 0 for
// accents that combine.
std::size_t columns(std::string_view text);

}  // namespace gpuhub::ctl
