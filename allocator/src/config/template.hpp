// The commented gpuhub.toml that the first `./gpuhub up` writes.
#pragma once

#include <string>
#include <vector>

namespace gpuhub::config {

struct TemplateChoices {
  int simulate = 0;                 // > 0: so many simulated GPUs (at most 16)
  std::vector<std::string> admins;  // checked account names
};
std::string make_template(const TemplateChoices& choices);

}  // namespace gpuhub::config
