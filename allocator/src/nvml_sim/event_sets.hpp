// NVML's event sets over the simulated machine: which events of which GPUs a client wants, and the
// wait for them. Any thread. Raised XID errors are the only events that ever come.
#pragma once

#include <chrono>
#include <expected>
#include <map>
#include <memory>
#include <mutex>

#include "nvml_sim/abi_events.hpp"
#include "nvml_sim/engine.hpp"

namespace gpuhub::nvml_sim {

// What a GPU can tell of: nvmlDeviceGetSupportedEventTypes.
[[nodiscard]] unsigned long long supported_events(const View& view);

class EventSets {
 public:
  explicit EventSets(Engine& engine);  // borrowed
  ~EventSets();
  EventSets(const EventSets&) = delete;
  EventSets& operator=(const EventSets&) = delete;

  [[nodiscard]] std::expected<nvmlEventSet_t, Code> create();
  // Who waits on the set is woken with kInvalidArgument.
  [[nodiscard]] Code free(nvmlEventSet_t set);
  // Only what is raised from now on is recorded. kNotSupported: a type that the GPU cannot tell of;
  // the set is as before.
  [[nodiscard]] Code add(nvmlDevice_t device, unsigned long long types, nvmlEventSet_t set);
  // The oldest event that this set has not given yet, once. Without one, kGpuIsLost at once while
  // a GPU of the set is lost, kTimeout at the end of the time, kUninitialized once the library is
  // shut down. Every set of every process gets each event.
  [[nodiscard]] std::expected<nvmlEventData_t, Code> wait(nvmlEventSet_t set,
                                                          std::chrono::milliseconds limit);

 private:
  struct Set;
  [[nodiscard]] std::shared_ptr<Set> find(nvmlEventSet_t set);

  Engine& engine_;
  std::mutex mutex_;
  std::map<nvmlEventSet_t, std::shared_ptr<Set>> sets_;
};

// The process's sets; never destroyed.
[[nodiscard]] EventSets& event_sets();

}  // namespace gpuhub::nvml_sim
