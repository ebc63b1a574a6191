// The inside of Server, for the sources of http/ only. No Beast here.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "http/phase_limits.hpp"
#include "http/poller.hpp"
#include "http/server.hpp"
#include "http/unix_listener.hpp"

namespace gpuhub::http {

class Session;

// One listening socket: takes in whoever comes.
class Door final : public Polled {
 public:
  Door(Server::State& server, std::string of_role, UnixListener listener);
  ~Door();
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  bool open();                     // false: the kernel has no room to watch it
  void close();                    // the file stays until the end
  void ready(std::uint32_t events) override;

  const std::string role;
  std::size_t connections = 0;     // that came in here, less the streams
  std::size_t streams = 0;

 private:
  void take_in(int fd);

  Server::State& server_;
  UnixListener listener_;
  int fd_;
  Timer pause_;                    // until the next try, when descriptors have run out
};

struct Server::State {
  State(Loop& on_loop, Limits with, ServerCallbacks call);

  void note(std::string what) {
    if (callbacks.note) callbacks.note(std::move(what));
  }
  void joined(std::shared_ptr<Session> session);
  void left(Session& session);     // it lives on until the end of this turn
  void each_session(void (Session::*what)());

  Loop& loop;
  const Limits limits;
  ServerCallbacks callbacks;
  std::shared_ptr<Poller> poller;  // the only owner
  PhaseLimits phase_limits;
  std::vector<std::unique_ptr<Door>> doors;
  std::map<Session*, std::shared_ptr<Session>> sessions;
  ServerCounters counters;
  bool stopping = false;
  bool ending = false;             // in ~Server: nobody is called back any more
  std::move_only_function<void()> stopped;  // stop()'s `done`, until it is called
  std::unique_ptr<Timer> grace;
  // Room that all sessions use in turn: nothing in it outlives one step.
  std::string input;
  std::string output;
};

}  // namespace gpuhub::http
