// Asking for a lease and waiting for its turn: one request from its first sending to its grant, on
// whatever line it comes back by. Used by `run` and `acquire`.
#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "ctl/signals.hpp"

namespace gpuhub::ctl {

struct Wish {
  boost::json::object gpus;              // as the API wants it: {"count": 1}, …
  bool exclusive = false;
  std::optional<std::string> user;       // whose lease; nullopt: the socket tells (role local)
  std::string server;                    // what the lease is called; one per owner and name
  bool wait = true;                      // in the queue, if it does not fit now
  std::optional<std::chrono::seconds> wait_max;
};

// Why there is no lease. Nothing is held and nothing waits any more, as far as the allocator could
// be told.
struct NoLease {
  std::string message;        // for stderr
  int signal = 0;             // not 0: the signal that asked to end
};

// The granted lease, as the API gives it; it can be bound for as long as `bind_expires_at` says.
// Progress goes to stderr: one line that changes on a terminal, else one line per change. The
// request carries one id through all retries, so it is granted once, whatever is lost on the way.
std::expected<boost::json::value, NoLease> claim(const std::string& socket, const Wish& wish,
                                                 Signals& signals);

// Takes a lease back that nothing was started with, or a place in the queue. Nothing is said if
// that fails: it ends by itself soon.
void give_back(const std::string& socket, const std::string& lease);

// --gpus: "2", "all", "none" or UUIDs by commas, as the API wants it; nullopt if it is none.
std::optional<boost::json::object> parse_gpus(std::string_view text);
// `prefix` and `bytes` random ones in hexadecimal.
std::string drawn_name(std::string_view prefix, int bytes);
// For people's messages: "GPU 0 (NVIDIA A100), GPU 3 (NVIDIA A100)", "no GPU".
std::string granted_words(const boost::json::value& lease);

}  // namespace gpuhub::ctl
