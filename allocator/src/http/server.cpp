// Accepting and stopping. What happens on a connection is in session.cpp.
#include "http/server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <utility>

#include "http/server_state.hpp"
#include "model/assert.hpp"

namespace gpuhub::http {
namespace {

using boost::system::error_code;
constexpr auto as_result = asio::as_tuple(asio::deferred);
constexpr std::chrono::milliseconds accept_pause{100};

// One short write, without waiting: a client that cannot take it is turned away all the same.
void turn_away(Server::State& server, UnixSocket& socket) {
  ++server.counters.turned_away;
  const Response answer = server.callbacks.error_answer(503, "too many connections; try again");
  std::string text = "HTTP/1.1 " + std::to_string(answer.status) +
                     " Service Unavailable\r\ncontent-type: " + answer.content_type +
                     "\r\ncontent-length: " + std::to_string(answer.body.size()) +
                     "\r\nconnection: close\r\n\r\n" + answer.body;
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(text), ignored);
}

asio::awaitable<void> accept_all(std::shared_ptr<Server::State> server, Door* door) {
  while (!server->stopping) {
    auto [error, socket] = co_await door->acceptor.async_accept(as_result);
    if (server->stopping) co_return;
    if (error) {  // no more file descriptors, most likely: some will be free soon
      server->note("cannot accept on the socket of " + door->role + ": " + error.message());
      asio::steady_timer pause{door->acceptor.get_executor(), accept_pause};
      co_await pause.async_wait(as_result);
      continue;
    }
    if (door->open >= server->limits.connections_max) {
      turn_away(*server, socket);
      continue;
    }
    ++server->counters.accepted;
    auto session = std::make_shared<Session>(server, *door, std::move(socket));
    spawn(server->loop.impl().io, Session::serve(std::move(session)));
  }
}

}  // namespace

void Server::State::joined(Session* session, Door& door) {
  ++counters.open;
  ++door.open;
  sessions.insert(session);
}

void Server::State::left(Session* session, Door& door) {
  sessions.erase(session);
  --counters.open;
  --door.open;
  if (sessions.empty() && stopped) loop.post(std::exchange(stopped, nullptr));
}

std::expected<std::unique_ptr<Server>, std::string> Server::create(Loop& loop,
                                                                   std::vector<Listen> sockets,
                                                                   Limits limits,
                                                                   ServerCallbacks callbacks) {
  GPUHUB_ASSERT(callbacks.handler && callbacks.error_answer);
  auto state = std::make_shared<State>(loop, limits, std::move(callbacks));
  for (const Listen& where : sockets) {
    auto listener = UnixListener::open(where);
    if (!listener) return std::unexpected(std::move(listener.error()));
    const int fd = listener->release_fd();
    asio::local::stream_protocol::acceptor acceptor{loop.impl().io};
    error_code error;
    acceptor.assign(asio::local::stream_protocol{}, fd, error);
    GPUHUB_ASSERT(!error);
    state->doors.push_back(
        std::make_unique<Door>(where.role, std::move(*listener), std::move(acceptor)));
  }
  for (const auto& door : state->doors) spawn(loop.impl().io, accept_all(state, door.get()));
  return std::unique_ptr<Server>{new Server{std::move(state)}};
}

Server::Server(std::shared_ptr<State> state) : state_(std::move(state)) {}

Server::~Server() {
  state_->stopping = true;
  state_->stopped = nullptr;
  state_->grace.reset();
  for (Session* session : state_->sessions) session->cut();
  for (const auto& door : state_->doors) {
    error_code ignored;
    door->acceptor.close(ignored);
    const UnixListener file = std::move(door->listener);  // removed here
  }
}

void Server::stop(std::chrono::milliseconds grace, std::move_only_function<void()> done) {
  GPUHUB_ASSERT(!state_->stopping);
  state_->stopping = true;
  for (const auto& door : state_->doors) {
    error_code ignored;
    door->acceptor.close(ignored);
  }
  for (Session* session : state_->sessions) session->finish();
  if (state_->sessions.empty()) {
    state_->loop.post(std::move(done));
    return;
  }
  state_->stopped = std::move(done);
  state_->grace = std::make_unique<Timer>(state_->loop, [state = state_.get()] {
    for (Session* session : state->sessions) session->cut();
  });
  state_->grace->set(grace);
}

ServerCounters Server::counters() const { return state_->counters; }

}  // namespace gpuhub::http
