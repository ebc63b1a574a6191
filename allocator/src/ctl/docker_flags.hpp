// The options of the docker command line, as far as one must know them to find the image: which
// take a value. Parsed as docker's own parser (Go's pflag) does it.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gpuhub::ctl {

struct Flag {
  std::string name;                  // in its long form, "detach" for -d
  std::string value;                 // of a switch: "true" or "false"
  std::vector<std::string> tokens;   // the same as arguments, in the form that was given
};
struct Flags {
  std::vector<Flag> flags;           // in order
  std::size_t taken = 0;             // arguments that they and a "--" after them took
};

enum class Command { docker, run };  // `docker OPTIONS …`, `docker run OPTIONS …`

// The options at the front of `arguments`. Error: what is wrong, one line. An option that is not
// known here (a newer docker's) is one unless it says its value itself, as --NAME=VALUE: whether
// the next argument belongs to it cannot be told.
std::expected<Flags, std::string> parse_flags(Command command,
                                              std::span<const std::string> arguments);

// true, false, 1, 0, t, f and so on, as docker reads a switch's value.
std::optional<bool> parse_switch(std::string_view text);

}  // namespace gpuhub::ctl
