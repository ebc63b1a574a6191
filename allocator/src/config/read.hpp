// gpuhub.toml -> Config. The one reader of the file: `--check-config`, `--export` and the running
// daemon all come through here. Pure: reads no files.
#pragma once

#include <expected>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace gpuhub::config {

inline constexpr std::size_t file_max = 1024 * 1024;  // bytes of gpuhub.toml

// One thing that is wrong, at the place where it stands.
struct Fault {
  std::string file;
  unsigned line = 0;    // from 1
  unsigned column = 0;  // from 1
  std::string key;      // "gpus.listed[1].uuid"; empty: the file as a whole
  std::string what;
  std::string allowed;  // empty where nothing sensible can be said

  // "FILE:LINE:COL: KEY: what; allowed: …", one line.
  std::string text() const;
};

// All faults, by place in the file; only the first one where the TOML itself is broken.
// `file` is only shown.
std::expected<Config, std::vector<Fault>> read(std::string_view text, std::string_view file);

// Every key that read() knows, as "gpus.listed.uuid": for the tests that hold docs and template.
std::set<std::string> all_keys();

}  // namespace gpuhub::config
