// Server-sent events: every change as it becomes durable, for admins; and one lease as it changes.
#pragma once

#include <string>
#include <vector>

#include "http/broadcast.hpp"
#include "model/record.hpp"

namespace gpuhub::api {

// GET /v1/events. Made once for all listeners; if too much happens at once some of it is left out
// and the number told (`event: left_out`): who needs all of it reads the state anew.
class Events {
 public:
  explicit Events(http::Loop& loop);

  void changed(const std::vector<model::Record>& records);
  void join(http::EventStream listener) { broadcast_.join(std::move(listener)); }

 private:
  http::Broadcast broadcast_;
};

// "event: NAME\ndata: …\n\n"
std::string sse(std::string_view event, std::string_view data);
// One change as an event; empty: it is not told (what fell out of the history).
std::string event_text(const model::Record& record);
inline constexpr std::string_view sse_type = "text/event-stream";
inline constexpr std::string_view sse_beat = ": still here\n\n";

}  // namespace gpuhub::api
