// Decides what an inventory's answer means: GPUs that all vanish at once are the library's fault (a
// daemon-reload cut them off, a driver upgrade), not a machine that lost its cards. Pure.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "model/gpu.hpp"
#include "model/units.hpp"

namespace gpuhub::daemon {

class Vanish {
 public:
  explicit Vanish(model::Duration patience) : patience_(patience) {}

  using Answer = std::expected<std::vector<model::GpuInfo>, std::string>;
  // What to tell the service of `answer`, seen at `at`.
  Answer judge(Answer answer, model::Instant at);
  // True once all GPUs have been gone for longer than the patience: a fresh process may see them.
  bool give_up(model::Instant at) const;

 private:
  model::Duration patience_;
  bool seen_any_ = false;
  std::optional<model::Instant> gone_since_;
};

}  // namespace gpuhub::daemon
