#include "http/broadcast.hpp"

#include <algorithm>
#include <utility>

namespace gpuhub::http {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

Broadcast::Broadcast(Loop& loop, Pace pace, std::function<std::string(std::size_t)> left_out,
                     std::string beat)
    : pace_(pace),
      left_out_text_(std::move(left_out)),
      beat_(std::move(beat)),
      timer_(loop, [this] { send(); }),
      beat_timer_(loop, [this] { send_to_all(beat_); }) {}

void Broadcast::join(EventStream listener) {
  if (listeners_.empty()) beat_timer_.set(pace_.beat);
  listeners_.push_back(std::move(listener));
}

void Broadcast::say(std::string_view text) {
  if (!wants_more()) return leave_out();
  gathered_ += text;
  send_soon();
}

void Broadcast::leave_out() {
  if (listeners_.empty()) return;
  ++left_out_;
  send_soon();
}

void Broadcast::send_soon() {
  if (std::exchange(due_, true)) return;
  const auto wait = std::chrono::ceil<milliseconds>(next_ - steady_clock::now());
  timer_.set(std::max(wait, milliseconds{0}));
}

void Broadcast::send() {
  due_ = false;
  next_ = steady_clock::now() + pace_.gather;
  if (left_out_ > 0) gathered_ += left_out_text_(std::exchange(left_out_, 0));
  send_to_all(std::exchange(gathered_, {}));
}

void Broadcast::send_to_all(std::string text) {
  const Chunk chunk = std::make_shared<const std::string>(std::move(text));
  std::erase_if(listeners_, [&](EventStream& listener) { return !listener.write(chunk); });
  if (listeners_.empty()) {
    beat_timer_.cancel();
  } else {
    beat_timer_.set(pace_.beat);
  }
}

}  // namespace gpuhub::http
