// The event loop: one thread, everything asynchronous in the daemon happens on it. Hides Asio.
// `daemon` makes one and runs it; server, client and engine adapter live on it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

namespace gpuhub::http {

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs until stop(). What a callback throws comes out of here: callers let it end the process.
  void run();
  // Runs until `done()` is true (looked at after every callback) or `limit` has passed. True: done.
  bool run_until(const std::function<bool()>& done, std::chrono::milliseconds limit);
  void stop();                                   // any thread; run() returns soon
  void post(std::move_only_function<void()> what);  // any thread; called later on the loop's thread

  // Called once all has been served that came from clients in this turn, before the loop looks for
  // more; outside such a turn: as post(). On the loop's thread.
  void at_turn_end(std::move_only_function<void()> what);

  // For so long from now the loop looks for work instead of sleeping until there is some: who asks
  // again at once is spared the time that waking takes. Costs the core meanwhile. On its thread.
  void stay_awake(std::chrono::microseconds how_long);

  // Calls `on_signal` on the loop for each of these signals instead of the default action.
  void on_signal(const std::vector<int>& signals, std::function<void(int)> on_signal);

  struct Impl;                                   // loop_impl.hpp, for the sources of http/ only
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// A timer on the loop. Used on the loop's thread only; must not outlive the loop.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> on_time);
  ~Timer();                                      // no call after that
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void set(std::chrono::microseconds after);     // one call; replaces an earlier set()
  // Likewise, but a call that is to come earlier stays: one that comes too soon costs less than
  // setting anew each time.
  void set_at_most(std::chrono::microseconds after);
  void cancel();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace gpuhub::http
