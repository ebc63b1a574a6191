// The container engine for tests: containers with verbs, and every answer and event under the
// test's control. Nothing reaches the service by itself. An answer is made in two steps, as with a
// real engine: it is settled (the engine looks, or acts), and later delivered, by when it may be
// out of date. Events can be delivered in any order, lost, or told twice. One thread.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/runtime.hpp"

namespace gpuhub::runtime {

class FakeRuntime final : public Runtime {
 public:
  // ---- the port ----
  void list(Done<std::vector<Container>> done) override;
  void inspect(const model::ContainerId& id, Done<Container> done) override;
  void remove_created(const model::ContainerId& id, Done<std::monostate> done) override;
  void stop(const model::ContainerId& id, std::chrono::seconds grace,
            Done<std::monostate> done) override;
  void capabilities(Done<Capabilities> done) override;
  void watch(std::move_only_function<void(Signal)> on_signal) override;

  // ---- containers: what people and the hub do. Unknown ids and impossible changes: false. ----
  // `auto_remove`: it disappears when it ends. The number names it: equal numbers, equal ids.
  model::ContainerId create(int number, std::string name, std::map<std::string, std::string> labels,
                            bool auto_remove = false);
  // Somebody's own, without a label of ours; started like the others.
  model::ContainerId create_foreign(int number, std::string name, std::string image,
                                    std::optional<model::GpuClaim> claim, bool auto_remove = false);
  bool start(const model::ContainerId& id);  // also the restart of one that waits for it
  bool die(const model::ContainerId& id, int exit_code, bool oom = false);
  bool pause(const model::ContainerId& id);
  bool unpause(const model::ContainerId& id);
  bool rename(const model::ContainerId& id, std::string name);
  // It dies and its restart policy will start it again: state restarting, until start().
  bool crash(const model::ContainerId& id, int exit_code);
  // Ends one that waits for its restart. The event is `other`, never `died`; with `killed` there is
  // none at all, as in engine 26.1.
  bool give_up(const model::ContainerId& id, bool killed = false);
  bool remove(const model::ContainerId& id);  // by force
  const Container* find(const model::ContainerId& id) const;
  const std::map<model::ContainerId, Container>& containers() const { return containers_; }
  static model::ContainerId id_of(int number);
  // Running, paused or restarting.
  static bool holds(const Container& container);

  // ---- the stream of events ----
  void connect();                     // queues Connected; needs watch()
  void disconnect(std::string why);   // what is queued is lost; queues Disconnected
  bool connected() const { return connected_; }
  std::size_t signals() const { return signals_.size(); }
  bool is_event(std::size_t index) const;  // else: the stream itself came or went
  void deliver_signal(std::size_t index = 0);
  void lose_signal(std::size_t index = 0);
  void repeat_signal(std::size_t index = 0);  // it stands twice in the queue

  // ---- calls, in the order they were made ----
  std::size_t calls() const { return calls_.size(); }
  void settle(std::size_t index = 0);   // once; a second time does nothing
  void deliver_call(std::size_t index = 0);  // settles it first if nobody did
  // The answer is this error. A call that was settled has been done all the same.
  void fail_call(std::size_t index, Error error);
  // While set, every call that is settled gets this instead.
  void fail_all(std::optional<Error> error) { failing_ = std::move(error); }

  // Delivers all there is, also what comes of it, in order. The engine works; nothing is lost.
  void deliver_all();
  // The process that watched has died: its calls and callbacks are dropped; containers stay.
  void watcher_died();

  // Seen by the test at the moment the engine looks: all containers, before the answer leaves.
  // `only`: the one that was looked at; null: all (a list).
  std::function<void(const model::ContainerId* only)> on_look;
  std::function<void(const model::ContainerId& of)> on_event;  // before it is told
  Capabilities has{.engine_version = "fake", .cdi = true, .nvidia_runtime = false,
                   .cdi_spec_dirs = {}};
  model::WallTime wall;  // the engine's clock, stamped on events

 private:
  struct Call {
    // Makes the answer; what it returns delivers it.
    std::move_only_function<std::move_only_function<void()>(std::optional<Error>)> settle;
    std::move_only_function<void()> deliver;  // set once settled
    std::move_only_function<void(Error)> fail;
  };
  template <typename T>
  void call(Done<T> done, std::move_only_function<std::expected<T, Error>()> answer);
  void event(EventKind kind, const Container& container, std::optional<int> exit_code = {});
  void end(const model::ContainerId& id, int exit_code, bool oom);

  std::map<model::ContainerId, Container> containers_;
  std::map<model::ContainerId, bool> auto_remove_;
  std::deque<Call> calls_;
  std::deque<Signal> signals_;
  std::move_only_function<void(Signal)> on_signal_;
  std::optional<Error> failing_;
  bool connected_ = false;
};

}  // namespace gpuhub::runtime
