// HTTP/1.1 client over a unix socket, on a Loop. Whoever is at the other end is not trusted: every
// answer is bounded in size and time.
#pragma once

#include <chrono>
#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "http/loop.hpp"
#include "http/message.hpp"

namespace gpuhub::http {

enum class ClientErrorKind {
  refused,    // no connection: nobody listens, no such file, no permission
  timed_out,
  too_large,  // the answer, or one line of a stream
  broken,     // connection lost half way, or what came is not HTTP
  busy,       // too many calls wait already; nothing was sent
};
struct ClientError {
  ClientErrorKind kind;
  std::string message;  // one line for people, names the socket
  int error_number = 0;  // errno of `refused`, else 0
};

struct Call {
  std::string method = "GET";
  std::string target;   // path and query, encoded
  Headers headers;
  std::string body;     // sent as application/json if not empty
};

struct ClientLimits {
  std::chrono::milliseconds time{30'000};        // from the start of connecting to the last byte
  std::size_t body_max = 8 * 1024 * 1024;
  std::size_t line_max = 256 * 1024;             // of a stream
  std::size_t parallel_max = 16;                 // calls under way; more wait in order
  std::size_t waiting_max = 4096;                // above: busy
};

using CallDone = std::move_only_function<void(std::expected<Response, ClientError>)>;

// What happens to a stream, in order: opened once (or not at all), then lines, then ended, once.
struct StreamEvents {
  std::function<void()> opened;                       // a 200 came; its body follows
  std::function<void(std::string_view)> line;         // one non-empty line; valid during the call
  std::function<void(ClientError)> ended;             // also on another status than 200
};

class Client {
 public:
  Client(Loop& loop, std::string socket_path, ClientLimits limits);
  ~Client();  // calls under way are cut; no callback after that
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // `done` is called once, on the loop, never from inside. Any status counts as an answer.
  // `time` if not zero replaces the limits' for this call (waiting in line does not count).
  void send(Call call, CallDone done, std::chrono::milliseconds time = {});

  // A GET whose body has no end, line by line. At most one stream at a time (asserted); it may be
  // started again from `ended` on. Silence is no error; the head must come within `time`.
  void stream(std::string target, StreamEvents events);

  struct State;

 private:
  std::shared_ptr<State> state_;
};

// One call and its answer, for programs without a loop.
std::expected<Response, ClientError> call_and_wait(const std::string& socket_path, Call call,
                                                   ClientLimits limits);

}  // namespace gpuhub::http
