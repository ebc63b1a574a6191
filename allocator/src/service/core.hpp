// Ledger and group commit in one: a command is applied in memory, gathered into the next batch, and
// what depends on it leaves when that batch is durable. Private to service/.
//
// What comes in one turn of the caller's loop goes to disk together, and so does what comes while a
// commit is under way; rhythm.hpp says when the next one begins. Without a pace, and while nothing
// is under way, each change is committed at once.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "service/rhythm.hpp"
#include "service/service.hpp"

namespace gpuhub::service {

class Core {
 public:
  using Make = std::move_only_function<Send()>;

  // `pace` may be null.
  Core(ledger::Ledger ledger, store::Store& store, Clock clock, Pace* pace,
       std::function<void(std::string)> on_fatal);
  ~Core();

  // Applies and gathers. The caller answers by one of the next two.
  std::expected<ledger::Applied, ledger::Refusal> apply(const ledger::Command& what);
  // Calls `send` when all that was applied until now is durable; at once if it is.
  void after_commit(Send send) { wait({.make = {}, .send = std::move(send)}); }
  // Likewise what `make` gives, which is called before, while the disk works.
  void make_and_send(Make make) { wait({.make = std::move(make), .send = {}}); }

  const ledger::Ledger& ledger() const { return ledger_; }
  model::Now now() const { return clock_(); }
  std::size_t waiting() const { return gathered_answers_.size(); }
  bool failed() const { return failed_; }

  Counters counters;
  // Told of each batch when it is durable, before the answers that waited for it.
  std::function<void(const std::vector<model::Record>&)> on_durable;

 private:
  struct Answer {
    Make make;  // empty: it is ready
    Send send;
    void make_ready() {
      if (make) send = std::exchange(make, {})();
    }
  };
  void wait(Answer answer);
  void schedule();
  void turn_ended();
  void begin();
  void commit();
  void take_off();
  void send();
  void make_ready();
  void committed(std::expected<void, store::Error> result);
  void count(const std::vector<model::Record>& events);

  ledger::Ledger ledger_;
  store::Store& store_;
  Clock clock_;
  Pace* pace_;
  std::function<void(std::string)> on_fatal_;
  Rhythm rhythm_;
  bool scheduled_ = false;    // turn_ended() will be called
  bool in_flight_ = false;
  bool failed_ = false;
  static constexpr std::size_t size_max = 256;  // of the room made at once, in records
  std::vector<model::Record> gathered_;
  std::size_t last_size_ = 0;                   // of the batch before
  std::shared_ptr<const model::Batch> flying_;
  std::vector<Answer> gathered_answers_;
  std::vector<Answer> flying_answers_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // a late answer finds it false
};

}  // namespace gpuhub::service
