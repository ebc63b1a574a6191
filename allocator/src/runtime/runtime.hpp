// Port: the container engine seen from the allocator. Adapter: Docker Engine; double for tests.
// All calls are asynchronous: `done` is called later, exactly once, on the thread that pumps the
// service (never from inside the call). Can list, inspect, watch, remove what was only created, and
// stop. Nothing else: the allocator never starts or creates anything.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/claim.hpp"
#include "model/ids.hpp"
#include "model/labels.hpp"
#include "model/units.hpp"

namespace gpuhub::runtime {

enum class ContainerState : std::uint8_t {
  created, running, paused, restarting, removing, exited, dead
};

struct Container {
  model::ContainerId id;
  std::string name;                           // without the leading slash
  ContainerState state = ContainerState::created;
  std::map<std::string, std::string> labels;  // those that begin with "gpuhub."
  std::optional<int> exit_code;               // where it has ended
  bool oom_killed = false;
  std::string image = {};                     // as whoever started it named it
  // What it takes of the GPUs, if it names no lease; nullopt: nothing. Never in a list. Fixed when
  // a container is created, so one look is enough.
  std::optional<model::GpuClaim> claim = {};

  // Ours: the label gpuhub.lease is there.
  bool labelled() const { return labels.contains(std::string{model::label_lease}); }
  // The label holds a lease's id. One that is labelled with something else takes its GPUs all the
  // same: its claim is told.
  bool names_lease() const {
    const auto at = labels.find(std::string{model::label_lease});
    return at != labels.end() && model::LeaseId::parse(at->second).has_value();
  }
};

enum class ErrorKind {
  not_found,     // the engine answered: there is no such container
  unreachable,   // no answer: nothing may be concluded
  failed,        // the engine answered with an error (500, nonsense): nothing may be concluded
};
struct Error {
  ErrorKind kind;
  std::string message;
};

template <typename T>
using Done = std::move_only_function<void(std::expected<T, Error>)>;

enum class EventKind : std::uint8_t { created, started, died, out_of_memory, destroyed, other };

struct ContainerEvent {
  EventKind kind = EventKind::other;
  model::ContainerId container;
  std::map<std::string, std::string> labels;  // "gpuhub." ones, as the event carries them
  std::optional<int> exit_code;               // of died
  model::WallTime at;                         // the engine's own time of the event
};
struct Connected {};                          // the stream stands: list now, then believe events
struct Disconnected { std::string why; };     // events may have been lost
using Signal = std::variant<Connected, Disconnected, ContainerEvent>;

// What the engine can do with GPUs; read anew after each connect.
struct Capabilities {
  std::string engine_version;
  bool cdi = false;              // CDI enabled and spec folders known
  bool nvidia_runtime = false;   // an `nvidia` runtime is registered, or --gpus is known to work
  std::vector<std::string> cdi_spec_dirs;
};

class Runtime {
 public:
  virtual ~Runtime() = default;
  // All containers, in any state, that carry the label gpuhub.lease, and those without it that run
  // (running, paused, restarting). Each is told as it was at some instant since the call.
  virtual void list(Done<std::vector<Container>> done) = 0;
  virtual void inspect(const model::ContainerId& id, Done<Container> done) = 0;
  // Removes a container of ours that is in state created; `failed` if it is in any other state.
  virtual void remove_created(const model::ContainerId& id, Done<std::monostate> done) = 0;
  // Stops a container of ours: SIGTERM, after `grace` SIGKILL.
  virtual void stop(const model::ContainerId& id, std::chrono::seconds grace,
                    Done<std::monostate> done) = 0;
  virtual void capabilities(Done<Capabilities> done) = 0;
  // Starts the event stream, which tells of all containers, ours or not, what may change who holds
  // a GPU, or what a container is called. Engines do not tell of a start that fails, nor of the end
  // of one that is killed while it waits for its restart. `on_signal` is called for the runtime's
  // whole life, and the adapter reconnects by itself (Disconnected, then Connected again). Called
  // once.
  virtual void watch(std::move_only_function<void(Signal)> on_signal) = 0;
};

}  // namespace gpuhub::runtime
