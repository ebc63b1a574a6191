// gpuctl's own command line: which subcommand with what. Everything behind a lone "--" is another
// program's and left as it is.
#pragma once

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "ctl/commands.hpp"

namespace gpuhub::ctl {

struct Chosen {
  Common common;                 // `socket` is empty if none was named
  bool needs_socket = true;
  bool runs = false;             // `run`: its exit statuses are docker's
  std::function<int(const Common&)> command;
};

// What was chosen, or the exit status: 0 (help and version, printed) or 2 (a wrong command line,
// said on stderr with what to try).
std::variant<Chosen, int> parse_command_line(int argc, const char* const* argv);

}  // namespace gpuhub::ctl
