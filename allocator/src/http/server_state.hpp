// The inside of Server and its connections, for the sources of http/ only. No Beast here.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "http/deadline.hpp"
#include "http/loop_impl.hpp"
#include "http/server.hpp"
#include "http/unix_listener.hpp"

namespace gpuhub::http {

class Session;

struct Door {                      // one listening socket
  std::string role;
  UnixListener listener;
  asio::local::stream_protocol::acceptor acceptor;
  std::size_t open = 0;            // connections that came in here
};

struct Server::State : std::enable_shared_from_this<State> {
  State(Loop& on_loop, Limits with, ServerCallbacks call)
      : loop(on_loop), limits(with), callbacks(std::move(call)) {}

  void note(std::string what) {
    if (callbacks.note) callbacks.note(std::move(what));
  }
  void joined(Session* session, Door& door);
  void left(Session* session, Door& door);

  Loop& loop;
  Limits limits;
  ServerCallbacks callbacks;
  std::vector<std::unique_ptr<Door>> doors;
  std::set<Session*> sessions;     // all there are; each is owned by its own coroutine
  ServerCounters counters;
  bool stopping = false;
  std::move_only_function<void()> stopped;  // stop()'s `done`, until it is called
  std::unique_ptr<Timer> grace;
};

// One connection, from accept to close.
class Session {
 public:
  // Known to the server from here to the destructor, whichever way that is reached.
  Session(std::shared_ptr<Server::State> server, Door& door, UnixSocket socket);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Until the connection is closed; holds the session meanwhile.
  static asio::awaitable<void> serve(std::shared_ptr<Session> self);
  void finish();                   // closes now if idle, else after the request under way
  void cut();                      // closes now

 private:
  struct Exchange;                 // one request and its answer, session.cpp
  enum class Next { keep_alive, close };

  asio::awaitable<void> serve_all();
  asio::awaitable<bool> wait_for_request(Exchange& exchange);
  asio::awaitable<Next> serve_one(Exchange& exchange);
  asio::awaitable<bool> read_body(Exchange& exchange);
  asio::awaitable<Response> ask_handler(Request request);
  asio::awaitable<bool> write(Exchange& exchange, Response response, bool keep_alive);
  asio::awaitable<Next> refuse(Exchange& exchange, int status, std::string_view detail);
  asio::awaitable<void> drain();   // reads and drops what the client still sends, for a while

  std::shared_ptr<Server::State> server_;
  Door& door_;
  UnixSocket socket_;
  Deadline deadline_;
  asio::steady_timer* handler_wait_ = nullptr;  // while the handler has the request
  bool idle_ = true;
  bool cut_ = false;
};

}  // namespace gpuhub::http
