// Waits for NVML's events on a thread of its own, so that a wait that never returns costs the
// events and nothing else, and keeps what came until it is taken. What a library that misbehaves
// can do is bounded: events are kept once and up to a limit, floods and waits that return too soon
// are paced.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "inventory/nvml_library.hpp"

namespace gpuhub::inventory {

class NvmlEvents {
 public:
  // Begins to wait for XID errors of those devices that can tell of them. Null when none can: a
  // value, not a fault. `trouble` then and else says what went wrong; it is untouched if nothing
  // did.
  static std::unique_ptr<NvmlEvents> start(std::shared_ptr<const NvmlLibrary> library,
                                           std::vector<NvmlLibrary::Device> devices,
                                           std::string& trouble);
  // Ends the thread and frees the set. A wait that does not return in time is left behind, with the
  // library open.
  ~NvmlEvents();
  NvmlEvents(const NvmlEvents&) = delete;
  NvmlEvents& operator=(const NvmlEvents&) = delete;

  struct Seen {
    std::vector<NvmlEvent> events{};  // in the order they came, each once, however often it came
    std::uint64_t dropped = 0;        // more than can be kept
    bool lost = false;                // NVML says that some GPU is lost, not which
    std::string trouble{};            // why nothing can be heard at present, or empty
  };
  // What came since the last call. Without any it waits for `limit` at most.
  [[nodiscard]] Seen take(std::chrono::milliseconds limit);
  // Stops, as the destructor would, and gives what came until then. After it, false from ended()
  // means that the wait did not return and was left behind.
  [[nodiscard]] Seen finish();
  [[nodiscard]] bool ended() const;

 private:
  struct State;
  explicit NvmlEvents(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  // shared with the thread
  bool finished_ = false;
};

}  // namespace gpuhub::inventory
