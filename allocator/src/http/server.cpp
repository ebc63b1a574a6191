// Opening, accepting and stopping. What happens on a connection is Session's.
#include "http/server.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "http/server_state.hpp"
#include "http/session.hpp"
#include "model/assert.hpp"

namespace gpuhub::http {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds accept_pause{100};
constexpr int accepts_per_turn = 64;

// One short write, without waiting: a client that cannot take it is turned away all the same.
void turn_away(Server::State& server, int fd) {
  ++server.counters.turned_away;
  const Response answer = server.callbacks.error_answer(503, "too many connections; try again");
  const std::string text = "HTTP/1.1 " + std::to_string(answer.status) +
                           " Service Unavailable\r\ncontent-type: " + answer.content_type +
                           "\r\ncontent-length: " + std::to_string(answer.body.size()) +
                           "\r\nconnection: close\r\n\r\n" + answer.body;
  ::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::close(fd);
}

std::array<milliseconds, phases> lengths_of(const Limits& limits) {
  constexpr milliseconds drain_time{2'000};
  return {milliseconds{0},     limits.idle_max,   limits.head_time, limits.body_time,
          limits.handler_time, limits.write_time, drain_time};  // as in Phase
}

}  // namespace

Door::Door(Server::State& server, std::string of_role, UnixListener listener)
    : role(std::move(of_role)),
      server_(server),
      listener_(std::move(listener)),
      fd_(listener_.release_fd()),
      pause_(server.loop, [this] { ready(0); }) {}

Door::~Door() { close(); }

bool Door::open() { return server_.poller->add(fd_, *this); }

void Door::close() {
  if (fd_ < 0) return;
  server_.poller->remove(fd_, *this);
  ::close(std::exchange(fd_, -1));
  pause_.cancel();
}

void Door::ready(std::uint32_t) {
  for (int i = 0; i < accepts_per_turn; ++i) {
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      take_in(fd);
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR && errno != ECONNABORTED) {
      // No more file descriptors, most likely: some will be free soon.
      server_.note("cannot accept on the socket of " + role + ": " +
                   std::generic_category().message(errno));
      return pause_.set(accept_pause);
    }
  }
  pause_.set(milliseconds{0});  // others come first
}

void Door::take_in(int fd) {
  if (connections >= server_.limits.connections_max) return turn_away(server_, fd);
  ++server_.counters.accepted;
  std::make_shared<Session>(server_, *this, fd)->open();
}

Server::State::State(Loop& on_loop, Limits with, ServerCallbacks call)
    : loop(on_loop),
      limits(with),
      callbacks(std::move(call)),
      poller(std::make_shared<Poller>(on_loop)),
      phase_limits(on_loop, lengths_of(with)),
      input(with.head_max + std::size_t{64} * 1024, '\0') {}

void Server::State::joined(std::shared_ptr<Session> session) {
  auto* const key = session.get();
  sessions.emplace(key, std::move(session));
}

void Server::State::left(Session& session) {
  const auto at = sessions.find(&session);
  GPUHUB_ASSERT(at != sessions.end());
  poller->later([last = std::move(at->second)] {});  // it still is somewhere in its own code
  sessions.erase(at);
  if (sessions.empty() && stopped) loop.post(std::exchange(stopped, nullptr));
}

// Each session, also if one's end brings about another's.
void Server::State::each_session(void (Session::*what)()) {
  std::vector<std::shared_ptr<Session>> all;
  for (const auto& [key, session] : sessions) all.push_back(session);
  for (const auto& session : all) (session.get()->*what)();
}

std::expected<std::unique_ptr<Server>, std::string> Server::create(Loop& loop,
                                                                   std::vector<Listen> sockets,
                                                                   Limits limits,
                                                                   ServerCallbacks callbacks) {
  GPUHUB_ASSERT(callbacks.handler && callbacks.error_answer);
  auto state = std::make_unique<State>(loop, limits, std::move(callbacks));
  for (const Listen& where : sockets) {
    auto listener = UnixListener::open(where);
    if (!listener) return std::unexpected(std::move(listener.error()));
    state->doors.push_back(std::make_unique<Door>(*state, where.role, std::move(*listener)));
    if (!state->doors.back()->open()) {
      return std::unexpected("cannot watch the socket " + where.path + ": " +
                             std::generic_category().message(errno));
    }
  }
  return std::unique_ptr<Server>{new Server{std::move(state)}};
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Server::~Server() {
  state_->ending = state_->stopping = true;
  state_->stopped = nullptr;
  state_->grace.reset();
  state_->each_session(&Session::close);
  state_->poller->close();
}

void Server::stop(milliseconds grace, std::move_only_function<void()> done) {
  GPUHUB_ASSERT(!state_->stopping);
  state_->stopping = true;
  for (const auto& door : state_->doors) door->close();
  state_->each_session(&Session::finish);
  if (state_->sessions.empty()) {
    state_->loop.post(std::move(done));
    return;
  }
  state_->stopped = std::move(done);
  state_->grace = std::make_unique<Timer>(
      state_->loop, [state = state_.get()] { state->each_session(&Session::close); });
  state_->grace->set(grace);
}

ServerCounters Server::counters() const {
  ServerCounters counters = state_->counters;
  counters.open = state_->sessions.size();
  for (const auto& door : state_->doors) counters.streams += door->streams;
  return counters;
}

}  // namespace gpuhub::http
