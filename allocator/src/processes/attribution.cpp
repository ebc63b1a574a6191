#include "processes/attribution.hpp"

#include <utility>

namespace gpuhub::processes {

void Attribution::begin() { last_ = std::exchange(known_, {}); }

const std::vector<model::ContainerId>* Attribution::find(std::uint32_t pid) {
  if (pid == 0 || !processes_.of_host()) return nullptr;
  if (const auto known = known_.find(pid); known != known_.end()) return &known->second.containers;
  const auto before = last_.find(pid);
  const auto started = processes_.started(pid);
  if (before != last_.end() && (!started || before->second.started == *started)) {
    if (before->second.ended) return nullptr;
    auto& kept = known_.emplace(pid, before->second).first->second;
    kept.ended = !started;
    return &kept.containers;
  }
  if (!started) return nullptr;
  auto fresh = read(pid, *started);
  if (!fresh) return nullptr;
  return &known_.emplace(pid, *std::move(fresh)).first->second.containers;
}

// Looked at twice: between start and cgroup its number may have gone to another process.
std::optional<Attribution::Known> Attribution::read(std::uint32_t pid, std::uint64_t started) {
  auto containers = processes_.containers(pid);
  if (!containers || processes_.started(pid) != started) return std::nullopt;
  return Known{.started = started, .containers = *std::move(containers)};
}

}  // namespace gpuhub::processes
