// A table for people: columns as wide as their widest cell.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace gpuhub::ctl {

using Row = std::vector<std::string>;

// Lines, each ended by a newline; no spaces at the ends of lines. Every row is as long as `head`.
// Cells come over a socket: they are made printable here.
std::string table(const Row& head, const std::vector<Row>& rows);
// One thing's fields, "name  value" a line.
std::string fields(const std::vector<std::pair<std::string, std::string>>& rows);

}  // namespace gpuhub::ctl
