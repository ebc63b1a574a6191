// HTTP/1.1 server on unix sockets, on a Loop's thread. Each socket carries a role (a string of the
// caller's), which comes with every request: who calls is known by the way in. A handler answers
// with one response, at once or later, or with a stream (http/respond.hpp). Bounded in everything:
// sizes, connections, listeners and the time of each phase.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/loop.hpp"
#include "http/message.hpp"
#include "http/respond.hpp"

namespace gpuhub::http {

inline constexpr std::size_t socket_path_max = 106;  // the kernel's 107, less one for a new name

struct Listen {
  std::string path;                // absolute, at most socket_path_max bytes
  std::string role;                // "admin", "hub:lab", …: free text to this layer
  unsigned mode = 0660;            // of the socket file
  unsigned directory_mode = 0750;  // of the directory, only if it is made here
};

struct Limits {
  std::size_t head_max = 16 * 1024;
  std::size_t body_max = 1024 * 1024;
  std::size_t connections_max = 512;            // of each socket: one role cannot starve another
  std::size_t streams_max = 512;                // of each socket; they do not count as connections
  std::size_t stream_pending_max = 256 * 1024;  // for one listener that does not read; then cut
  std::chrono::milliseconds idle_max{75'000};   // between requests; then closed without a word
  std::chrono::milliseconds head_time{10'000};  // from a request's first byte; then 408
  std::chrono::milliseconds body_time{30'000};  // then 408
  std::chrono::milliseconds handler_time{60'000};  // until the answer is given; then 503
  std::chrono::milliseconds write_time{30'000};    // an answer, or a piece of a stream; then cut
};

// Never destroys the server.
using Handler = std::move_only_function<void(Request, Respond)>;
// Makes the answer to what never reaches the handler: 400, 408, 413, 431, 500, 503. `detail` is
// for people. The server adds `connection: close`.
using ErrorAnswer = std::function<Response(int status, std::string_view detail)>;

struct ServerCallbacks {
  Handler handler;
  ErrorAnswer error_answer;
  std::function<void(std::string)> note;  // things an operator may want logged; may be empty
};

struct ServerCounters {
  std::uint64_t accepted = 0, turned_away = 0, requests = 0, errors = 0, timeouts = 0;
  std::uint64_t streams_cut = 0;   // of listeners that did not read
  std::size_t open = 0;            // connections now, streams among them
  std::size_t streams = 0;         // now
};

class Server {
 public:
  // Opens all sockets and serves from the next turn of the loop on. A stale socket file is
  // replaced; one on which somebody still listens, or a file of another kind, is an error and
  // stays as it was. Error: what could not be done and why; then nothing is left open.
  static std::expected<std::unique_ptr<Server>, std::string> create(
      Loop& loop, std::vector<Listen> sockets, Limits limits, ServerCallbacks callbacks);
  ~Server();  // cuts all connections, removes the socket files; must come before the loop's end

  // Stops accepting, closes idle connections, ends streams in order, lets the others finish their
  // request; what is left after `grace` is cut. Then `done` is called, once, on the loop.
  void stop(std::chrono::milliseconds grace, std::move_only_function<void()> done);

  ServerCounters counters() const;

  struct State;                    // for the sources of http/ only
 private:
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace gpuhub::http
