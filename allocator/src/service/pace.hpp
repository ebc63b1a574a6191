// Port: the turns of the loop that calls the service, so that what comes in one turn goes to disk
// together. The daemon's loop; a simulation's chance.
#pragma once

#include <chrono>
#include <functional>

namespace gpuhub::service {

class Pace {
 public:
  using Action = std::move_only_function<void()>;

  virtual ~Pace() = default;
  // Calls `what` once whoever calls now has been served: soon, on this thread, never from inside.
  virtual void at_turn_end(Action what) = 0;
  // Calls `what` after that time, on this thread. Replaces an earlier one that has not been called.
  virtual void after(std::chrono::microseconds time, Action what) = 0;
  // A hint: this thread waits for the disk now, and may do for some microseconds what nobody waits
  // for. Nothing may be asked of the service meanwhile.
  virtual void spare_time() {}
  // A hint: who is alone is answered now, and asks again at once if it is a program.
  virtual void more_may_come() {}
  // Since some fixed point; never goes back.
  virtual std::chrono::microseconds now() = 0;
};

}  // namespace gpuhub::service
