// One source for many listeners: what is said within a short time goes to all of them as one shared
// text, and no more than a bound of it. Used on the loop's thread only.
//
// What listeners cost is so bounded by their number and the pace, however much happens: 500 of them
// at ten texts a second of at most 32 KiB take a few hundredths of a processor.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "http/event_stream.hpp"
#include "http/loop.hpp"

namespace gpuhub::http {

struct Pace {
  std::chrono::milliseconds gather{100};   // at least so long between two texts
  std::size_t gathered_max = 32 * 1024;    // bytes of one text; what is more is left out
  std::chrono::milliseconds beat{15'000};  // a sign of life after so much silence
};

class Broadcast {
 public:
  // `left_out` makes what stands for a number of things that were not said, because too much
  // happened: who needs all of it reads the state anew. `beat` is the sign of life.
  Broadcast(Loop& loop, Pace pace, std::function<std::string(std::size_t)> left_out,
            std::string beat);

  // Gets all that is said from now on, until it closes.
  void join(EventStream listener);
  // Listeners that may be there: one that has left is noticed when next something is sent.
  std::size_t listeners() const { return listeners_.size(); }

  // Whether it is worth while to make a text: somebody listens, and there is room.
  bool wants_more() const { return !listeners_.empty() && gathered_.size() < pace_.gathered_max; }
  // Leaves with this turn of the loop if it was quiet for a while, else with the next text. Does
  // what leave_out() does unless wants_more().
  void say(std::string_view text);
  void leave_out();                // one thing that was not made into a text

 private:
  void send_soon();
  void send();
  void send_to_all(std::string text);

  const Pace pace_;
  std::function<std::string(std::size_t)> left_out_text_;
  const std::string beat_;
  std::vector<EventStream> listeners_;
  std::string gathered_;
  std::size_t left_out_ = 0;
  bool due_ = false;               // send() will be called
  std::chrono::steady_clock::time_point next_{};  // not before
  Timer timer_;
  Timer beat_timer_;
};

}  // namespace gpuhub::http
