// Adapter of the runtime port to Docker Engine (20.10 and later) over its unix socket. Lives on a
// Loop's thread and calls back on it. Watches by /events and reconnects by itself for ever.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "http/loop.hpp"
#include "runtime/runtime.hpp"

namespace gpuhub::runtime {

struct DockerSettings {
  std::string socket = "/var/run/docker.sock";
  std::chrono::milliseconds call_time{20'000};      // longer: unreachable
  std::chrono::milliseconds reconnect_first{100};   // doubled from try to try …
  std::chrono::milliseconds reconnect_max{2'000};   // … up to this
  std::chrono::milliseconds stale_after{10'000};
};

class DockerEngine final : public Runtime {
 public:
  // `on_stale` is called, once, when the socket has refused or been absent for `stale_after` while
  // watching: a bind-mounted socket file never comes back after the engine made a new one, so the
  // process should exit and be started with the new one. It must not destroy this object from
  // inside. `note`: things an operator may want logged.
  DockerEngine(http::Loop& loop, DockerSettings settings,
               std::function<void(std::string why)> on_stale,
               std::function<void(std::string)> note);
  ~DockerEngine() override;  // calls under way are dropped: no callback after that

  void list(Done<std::vector<Container>> done) override;
  void inspect(const model::ContainerId& id, Done<Container> done) override;
  // Inspects first: only what is in state created and carries gpuhub.lease is removed (with its
  // nameless volumes). What is started in between makes the engine refuse: `failed`.
  void remove_created(const model::ContainerId& id, Done<std::monostate> done) override;
  // Inspects first: `failed` for what does not carry gpuhub.lease. Answers when it has stopped.
  void stop(const model::ContainerId& id, std::chrono::seconds grace,
            Done<std::monostate> done) override;
  void capabilities(Done<Capabilities> done) override;
  void watch(std::move_only_function<void(Signal)> on_signal) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gpuhub::runtime
