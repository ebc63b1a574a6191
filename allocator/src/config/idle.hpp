// When a server counts as idle, and what follows: [idle] of gpuhub.toml.
#pragma once

#include <string>
#include <vector>

#include "model/units.hpp"

namespace gpuhub::config {

// A limit of zero: such servers are never ended for being idle.
struct Idle {
  bool enabled = true;                              // false: no server is ended for being idle
  model::Duration gpu_limit{3'600'000};             // of servers with GPUs
  model::Duration limit{24 * 3'600'000};            // of those without
  model::Duration unknown_limit{24 * 3'600'000};    // where a server does not say what it does
  model::Duration keep{3'600'000};                  // what one Keep gives
  model::Duration keep_max{24 * 3'600'000};         // what all of them give beyond the limit
  model::Duration look_every{20'000};
  model::Duration sample_every{2'000};              // the load of GPUs
  int busy_percent = 1;                             // utilisation from which a GPU is in use
  std::vector<std::string> exempt_users;
  std::vector<std::string> exempt_groups;
};

}  // namespace gpuhub::config
