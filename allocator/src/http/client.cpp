// Who waits, who is under way, and what is left to call back. The talking is in connection.cpp.
#include "http/client.hpp"

#include <deque>
#include <optional>
#include <set>
#include <utility>

#include "http/connection.hpp"
#include "model/assert.hpp"

namespace gpuhub::http {

struct Client::State : std::enable_shared_from_this<State> {
  struct Waiting {
    Call call;
    CallDone done;
    ClientLimits limits;
  };

  State(Loop& on_loop, std::string socket_path, ClientLimits with)
      : loop(on_loop), path(std::move(socket_path)), limits(with) {}

  // Starts what may start.
  void start_more() {
    while (!closed && !waiting.empty() && under_way < limits.parallel_max) {
      Waiting next = std::move(waiting.front());
      waiting.pop_front();
      ++under_way;
      spawn(loop.impl().io, run_call(shared_from_this(), std::move(next)));
    }
  }

  static asio::awaitable<void> run_call(std::shared_ptr<State> self, Waiting what) {
    UnixSocket socket{self->loop.impl().io};
    self->sockets.insert(&socket);
    auto answer = co_await exchange(socket, self->path, std::move(what.call), what.limits);
    self->sockets.erase(&socket);
    --self->under_way;
    if (self->closed) co_return;
    self->start_more();
    what.done(std::move(answer));
  }

  static asio::awaitable<void> run_stream(std::shared_ptr<State> self, std::string target,
                                          StreamEvents events) {
    UnixSocket socket{self->loop.impl().io};
    self->sockets.insert(&socket);
    ClientError why = co_await follow(socket, self->path, std::move(target), self->limits, events,
                                      [&self] { return !self->closed; });
    self->sockets.erase(&socket);
    self->streaming = false;
    if (!self->closed) events.ended(std::move(why));
  }

  Loop& loop;
  std::string path;
  ClientLimits limits;
  std::deque<Waiting> waiting;
  std::size_t under_way = 0;
  bool streaming = false;
  bool closed = false;
  std::set<UnixSocket*> sockets;  // of the coroutines that run now
};

Client::Client(Loop& loop, std::string socket_path, ClientLimits limits)
    : state_(std::make_shared<State>(loop, std::move(socket_path), limits)) {}

Client::~Client() {
  state_->closed = true;
  state_->waiting.clear();
  for (UnixSocket* socket : state_->sockets) {
    boost::system::error_code ignored;
    socket->close(ignored);
  }
}

void Client::send(Call call, CallDone done, std::chrono::milliseconds time) {
  if (state_->waiting.size() >= state_->limits.waiting_max) {
    state_->loop.post([done = std::move(done), path = state_->path]() mutable {
      done(std::unexpected(ClientError{.kind = ClientErrorKind::busy,
                                       .message = "too many calls wait for " + path}));
    });
    return;
  }
  ClientLimits limits = state_->limits;
  if (time.count() > 0) limits.time = time;
  state_->waiting.push_back({std::move(call), std::move(done), limits});
  state_->loop.post([state = state_] { state->start_more(); });  // never from inside
}

void Client::stream(std::string target, StreamEvents events) {
  GPUHUB_ASSERT(!state_->streaming);
  GPUHUB_ASSERT(events.opened && events.line && events.ended);
  state_->streaming = true;
  state_->loop.post([state = state_, target = std::move(target), events = std::move(events)] {
    if (state->closed) return;
    spawn(state->loop.impl().io, State::run_stream(state, target, events));
  });
}

std::expected<Response, ClientError> call_and_wait(const std::string& socket_path, Call call,
                                                   ClientLimits limits) {
  Loop loop;
  std::optional<std::expected<Response, ClientError>> answer;
  Client client{loop, socket_path, limits};
  client.send(std::move(call), [&answer](auto got) { answer = std::move(got); });
  const bool came = loop.run_until([&answer] { return answer.has_value(); },
                                   limits.time + std::chrono::seconds{1});
  GPUHUB_ASSERT(came);  // the client's own limit came first
  return std::move(*answer);
}

}  // namespace gpuhub::http
