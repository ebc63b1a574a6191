// A table for people: columns as wide as their widest cell, in characters and not in bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gpuhub::ctl {

using Row = std::vector<std::string>;

// Lines, each ended by a newline; no spaces at the ends of lines. Every row is as long as `head`.
// What could move a terminal's cursor is shown as `?`: cells come over a socket.
std::string table(const Row& head, const std::vector<Row>& rows);
std::string printable(std::string_view text);

}  // namespace gpuhub::ctl
