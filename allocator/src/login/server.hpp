// Serves a unix socket, each connection in a process of its own: one line in, one line out. What a
// request brings along (a password, a module of PAM that hangs or crashes) ends with its process.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <expected>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "http/unix_listener.hpp"

namespace gpuhub::login {

struct Limits {
  std::size_t at_once = 32;                          // requests; more are told `busy`
  std::chrono::milliseconds time{8'000};             // of one request; then its process is killed
  std::chrono::milliseconds request_time{2'000};     // until its line is there
  uid_t peer = 0;                                    // whose processes may connect at all
};

// Called in the request's own process, with its line. Wipes the line. Returns the answer's line.
using Handler = std::function<std::string(std::string& line)>;

// Whatever happens, who asked gets one answer: `unavailable` if the process was killed or crashed.
class Server {
 public:
  // Listens on `socket` (mode 0600); a stale file is replaced. Error: one sentence. The caller's
  // SIGTERM, SIGINT and SIGCHLD are the server's from now on: one instance, one thread.
  static std::expected<std::unique_ptr<Server>, std::string> create(const std::string& socket,
                                                                    Limits limits, Handler handler);
  ~Server();  // kills what still runs, removes the socket's file

  void run();  // until SIGTERM or SIGINT

 private:
  struct Child {
    pid_t pid;
    int connection;
    std::chrono::steady_clock::time_point until;
    bool killed = false;
  };
  Server(http::UnixListener listener, Limits limits, Handler handler, int signals);

  void accept_all();
  bool is_full() const;
  void serve(int connection);
  // Nothing comes back from it, no exception either: the parent's socket is not the child's to end.
  [[noreturn]] void be_child(int connection, pid_t parent) noexcept;
  bool hear_signals();  // false: it was time to end
  void reap();
  void kill_late();
  int wait_ms() const;

  http::UnixListener listener_;
  int socket_;
  Limits limits_;
  Handler handler_;
  int signals_;
  std::list<Child> children_;
};

}  // namespace gpuhub::login
