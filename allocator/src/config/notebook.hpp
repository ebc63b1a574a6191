// The containers people get and what they may choose: [notebook] and [[profiles]] of gpuhub.toml.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/lease.hpp"
#include "model/units.hpp"

namespace gpuhub::config {

// What one container may use. Not set: no limit, or the engine's own.
struct Limits {
  std::optional<std::int64_t> memory_bytes;
  std::optional<double> cpus;
  std::optional<std::int64_t> shm_size_bytes;
  std::optional<int> pids;
};
struct Notebook {
  std::string image;
  std::vector<std::string> images;  // more that profiles may offer
  Limits limits;                    // pids: always set
  std::vector<std::string> reach;   // private addresses: "10.1.0.0/16", "192.0.2.4:3128"
  std::string subnet;               // of the notebooks' network; empty: `up` chooses
  std::string http_proxy;
  std::string https_proxy;
  std::string no_proxy;
  std::string ca_file;  // more authorities for the containers; empty: none
};
// A person chooses a number of GPUs from `least` to `most`.
struct Range {
  int least = 0;
  int most = 0;
};
struct Profile {
  std::string slug;
  std::string display_name;
  std::string description;
  model::Want gpus;  // WantCount, WantAll or WantNone
  std::optional<Range> range;  // set: `gpus` counts for nothing
  model::Mode mode = model::Mode::shared;
  bool is_default = false;
  std::vector<std::string> groups;  // who may choose it; empty: everybody
  std::vector<std::string> images;  // to choose from; empty: notebook.image
  Limits limits;                    // what is set wins over the notebook's
  std::optional<model::Duration> idle_limit;    // zero: never; not set: as [idle] says
  std::optional<model::Duration> max_lifetime;  // from start to end, busy or not
};

}  // namespace gpuhub::config
