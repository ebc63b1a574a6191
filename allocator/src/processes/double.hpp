// The host's processes for tests: those that the test set. Not thread-safe.
#pragma once

#include <functional>
#include <map>
#include <utility>

#include "processes/processes.hpp"

namespace gpuhub::processes {

class ProcessesDouble final : public Processes {
 public:
  void run(std::uint32_t pid, std::uint64_t started, std::vector<model::ContainerId> containers) {
    running_.insert_or_assign(pid, Running{started, std::move(containers)});
  }
  void end(std::uint32_t pid) { running_.erase(pid); }
  void set_of_host(bool yes) { of_host_ = yes; }
  // Called before each answer of containers(): what happens just then.
  std::function<void()> meanwhile;
  int reads = 0;  // of containers

  std::optional<std::uint64_t> started(std::uint32_t pid) override {
    const auto found = running_.find(pid);
    return found == running_.end() ? std::nullopt : std::optional{found->second.started};
  }
  std::optional<std::vector<model::ContainerId>> containers(std::uint32_t pid) override {
    ++reads;
    if (meanwhile) meanwhile();
    const auto found = running_.find(pid);
    if (found == running_.end()) return std::nullopt;
    return found->second.containers;
  }
  bool of_host() override { return of_host_; }

 private:
  struct Running {
    std::uint64_t started;
    std::vector<model::ContainerId> containers;
  };
  std::map<std::uint32_t, Running> running_;
  bool of_host_ = true;
};

}  // namespace gpuhub::processes
