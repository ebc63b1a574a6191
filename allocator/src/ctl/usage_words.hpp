// What leases and GPUs do, in words for people. Pure functions of JSON that came over a socket.
#pragma once

#include <boost/json/fwd.hpp>
#include <string>
#include <utility>
#include <vector>

namespace gpuhub::ctl {

// A lease's `usage`: "busy 43 %", "idle 12 min", "not measured"; "-" where there is none.
std::string usage_words(const boost::json::value& usage);
// The same as lines with names: load, idleness, memory, and how it is measured.
std::vector<std::pair<const char*, std::string>> usage_lines(const boost::json::value& usage);
// A GPU's `load`: "43 % (5 min: 40 %)", and what no lease explains: "; foreign: 2 processes,
// 1024 MiB, 12 %". "-" where nothing is known.
std::string load_words(const boost::json::value& load);

}  // namespace gpuhub::ctl
