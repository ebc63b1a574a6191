// Keeps the books in agreement with what the runtime really runs. Private to service/.
//
// One rule: an event or a list only says which container to look at; what is believed is the answer
// to an inspect, one at a time per container, asked anew if another event came meanwhile. So lost,
// repeated and reordered events do no harm. An engine that does not answer changes nothing.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "service/core.hpp"

namespace gpuhub::service {

class Watcher {
 public:
  // `on_settled` is called when books and engine agree for the first time since a connect.
  Watcher(Core& core, runtime::Runtime& runtime, const Settings& settings,
          std::function<void()> on_settled);
  ~Watcher();

  void start();
  void pump();
  std::optional<model::Instant> next_deadline() const;

  // Inspects; then `done` is called, whatever came of it. Never from inside the call.
  void look_at(const model::ContainerId& id, std::function<void()> done = {});

  bool connected() const { return connected_; }
  bool reconciled() const { return reconciled_; }            // since the last connect
  bool reconciled_once() const { return reconciled_once_; }  // since start
  const std::string& why_not() const { return why_not_; }
  const runtime::Capabilities& capabilities() const { return capabilities_; }

 private:
  struct Look {
    bool inspecting = false;
    bool again = false;
    std::optional<int> exit_code;             // as the died event said
    bool died = false;
    bool out_of_memory = false;
    std::optional<model::WallTime> ended_at;  // the engine's time
    std::vector<std::function<void()>> waiting;
  };

  void on_signal(runtime::Signal signal);
  void on_event(const runtime::ContainerEvent& event);
  void inspect(const model::ContainerId& id);
  void inspected(const model::ContainerId& id, std::expected<runtime::Container, runtime::Error>);
  void believe(const runtime::Container& container, const Look& look);
  void believe_foreign(const runtime::Container& container);
  void gone(const model::ContainerId& id, bool exited, std::optional<int> exit_code, bool oom,
            std::optional<model::WallTime> ended_at);
  void reconcile();
  void listed(const std::vector<runtime::Container>& containers);
  void look_unless_looking(const model::ContainerId& id);
  void clean_created(const runtime::Container& container);
  void remove_leftover(const model::ContainerId& id);
  void expire_overdue(const std::vector<runtime::Container>& containers);
  void expire(const model::LeaseId& id, const std::vector<runtime::Container>& its);
  void stop_conflict(const model::ContainerId& id);
  void retry_later();
  void settle();
  void note_latency(model::WallTime ended_at);

  Core& core_;
  runtime::Runtime& runtime_;
  const Settings& settings_;
  std::function<void()> on_settled_;
  bool connected_ = false;
  bool listing_ = false;
  bool list_again_ = false;
  bool listed_since_connect_ = false;
  bool reconciled_ = false;
  bool reconciled_once_ = false;
  std::string why_not_ = "not connected yet";
  runtime::Capabilities capabilities_;
  std::map<model::ContainerId, Look> looks_;
  std::set<model::ContainerId> failed_looks_;
  std::set<model::ContainerId> harmless_;  // not ours, looked at, and no GPUs in it: it stays so
  std::set<model::ContainerId> removing_;  // remove_created under way
  std::set<model::ContainerId> stopping_;  // stop under way
  // As the last list told them: what to go by if the engine lists but cannot inspect them.
  std::map<model::ContainerId, runtime::Container> listed_;
  std::optional<model::Instant> retry_at_;
  model::Instant reconcile_at_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace gpuhub::service
