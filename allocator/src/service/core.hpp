// Ledger and group commit in one: a command is applied in memory, gathered into the next batch, and
// what depends on it leaves when that batch is durable. Private to service/.
//
// While the store is idle a change is committed at once; while a commit is under way changes are
// gathered and go together in the next one.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "service/service.hpp"

namespace gpuhub::service {

class Core {
 public:
  using Action = std::move_only_function<void()>;

  Core(ledger::Ledger ledger, store::Store& store, Clock clock,
       std::function<void(std::string)> on_fatal);
  ~Core();

  // Applies and gathers. The caller answers by after_commit().
  std::expected<ledger::Applied, ledger::Refusal> apply(const ledger::Command& what);
  // Runs `action` when all that was applied until now is durable; at once if it is.
  void after_commit(Action action);

  const ledger::Ledger& ledger() const { return ledger_; }
  model::Now now() const { return clock_(); }
  std::size_t waiting() const { return gathered_actions_.size(); }
  bool failed() const { return failed_; }

  Counters counters;
  // Told of each batch when it is durable, before the answers that waited for it.
  std::function<void(const std::vector<model::Record>&)> on_durable;

 private:
  void commit();
  void committed(std::expected<void, store::Error> result);
  void count(const std::vector<model::Record>& events);

  ledger::Ledger ledger_;
  store::Store& store_;
  Clock clock_;
  std::function<void(std::string)> on_fatal_;
  bool in_flight_ = false;
  bool failed_ = false;
  std::vector<model::Record> gathered_;
  std::vector<model::Record> flying_;          // kept for on_durable
  std::vector<Action> gathered_actions_;
  std::vector<Action> flying_actions_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // a late answer finds it false
};

}  // namespace gpuhub::service
