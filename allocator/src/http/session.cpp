// A session's way in: bytes, requests, the handler. What goes out is in session_out.cpp.
#include "http/session.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "http/exchange.hpp"
#include "model/assert.hpp"

namespace gpuhub::http {
namespace {

constexpr int requests_per_turn = 16;  // of one client that sends without waiting: others come too
constexpr std::size_t drain_max = 16 * 1024 * 1024;
constexpr std::size_t drain_per_turn = 1024 * 1024;

Peer peer_of(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  const int result = ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size);
  if (result != 0) return {.uid = ~0U, .gid = ~0U, .pid = 0};  // nobody
  return {.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid};
}

}  // namespace

Session::Session(Server::State& server, Door& door, int fd)
    : server_(server),
      door_(door),
      fd_(fd),
      peer_(peer_of(fd)),
      place_(server.phase_limits.join(*this)),
      reader_(server.limits.head_max, server.limits.body_max) {}

void Session::open() {
  ++door_.connections;
  server_.joined(shared_from_this());
  if (!server_.poller->add(fd_, *this)) return close();
  wait_for_more();
}

void Session::ready(std::uint32_t events) {
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) readable_ = true;
  if ((events & EPOLLRDHUP) != 0) eof_ahead_ = true;
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) left_ = true;
  if ((events & EPOLLOUT) != 0 && doing_ == Doing::writing) send_rest();
  if ((events & EPOLLOUT) != 0 && doing_ == Doing::streaming) flush_stream();
  if (left_ && (doing_ == Doing::handling || doing_ == Doing::streaming)) return close();
  read_on();
}

void Session::timed_out(Phase phase) {
  if (this->phase() != Phase::none) return;  // another session's end has moved this one on
  switch (phase) {
    case Phase::head: return refuse(408, "the head took too long");
    case Phase::body: return refuse(408, "the body took too long");
    case Phase::handler: {
      ++server_.counters.errors;
      ++server_.counters.timeouts;
      auto tell = exchange_->end();
      send(server_.callbacks.error_answer(503, "no answer in time; try again"), then_next());
      if (tell) tell();
      return;
    }
    case Phase::none:
    case Phase::idle:
    case Phase::write:
    case Phase::drain: return close();
  }
}

void Session::finish() {
  const bool idle = doing_ == Doing::reading && rest_.empty() &&
                    reader_.stage() == RequestReader::Stage::nothing;
  if (idle) return close();
  if (doing_ != Doing::streaming) return;
  if (auto stream = std::exchange(stream_, nullptr)) {
    stream->leave();
    end_stream();
  }
}

void Session::close() {
  if (doing_ == Doing::closed) return;
  --(doing_ == Doing::streaming ? door_.streams : door_.connections);
  doing_ = Doing::closed;
  server_.poller->remove(fd_, *this);
  ::close(fd_);
  server_.phase_limits.leave(place_);
  auto tell = exchange_ ? exchange_->end() : nullptr;
  const auto stream = std::exchange(stream_, nullptr);
  server_.left(*this);
  if (stream) stream->leave();
  if (tell && !server_.ending) tell();
}

// Reads and serves until there is no more to read, or an answer is to come first.
void Session::read_on() {
  in_turn_ = true;
  served_ = 0;
  if (doing_ == Doing::reading && !rest_.empty()) consume(std::exchange(rest_, {}));
  while (doing_ == Doing::reading && readable_ && !going_on_) receive();
  if (doing_ == Doing::draining) drain();
  in_turn_ = false;
  if (doing_ == Doing::reading && !going_on_) wait_for_more();
}

void Session::receive() {
  std::string& input = server_.input;
  const std::size_t kept = rest_.size();
  if (kept == input.size()) return refuse(431, "a line of the request is too long");
  const ssize_t got = ::recv(fd_, input.data() + kept, input.size() - kept, MSG_DONTWAIT);
  if (got < 0 && errno == EINTR) return;
  if (got < 0 && errno == EAGAIN) {
    readable_ = false;
    return;
  }
  if (got <= 0) return close();
  const std::size_t size = kept + static_cast<std::size_t>(got);
  // Less than there was room for: all is read, and more comes with an edge of its own.
  readable_ = size == input.size() || eof_ahead_;
  if (kept > 0) std::memcpy(input.data(), rest_.data(), kept);
  rest_.clear();
  consume({input.data(), size});
}

void Session::consume(std::string_view bytes) {
  using Stage = RequestReader::Stage;
  while (doing_ == Doing::reading && !bytes.empty()) {
    if (served_ == requests_per_turn) {
      go_on_later();
      break;
    }
    bytes.remove_prefix(reader_.feed(bytes));
    const Stage stage = reader_.stage();
    if (stage == Stage::wrong) {
      refuse(reader_.status(), reader_.why());
    } else if (stage == Stage::done) {
      handle();
    } else {
      if (stage == Stage::body && reader_.waits_to_continue()) say_continue();
      break;
    }
  }
  if (doing_ != Doing::draining && doing_ != Doing::closed) rest_ = bytes;
}

// Asks for the body, once. It is short and what was sent before has been taken.
void Session::say_continue() {
  if (std::exchange(continue_said_, true)) return;
  static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
  const ssize_t sent = ::send(fd_, go_on.data(), go_on.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent != static_cast<ssize_t>(go_on.size())) close();
}

// Nothing can be done until more comes: so long, and no longer.
void Session::wait_for_more() {
  using Stage = RequestReader::Stage;
  const Stage stage = reader_.stage();
  const Phase wanted = stage == Stage::body                      ? Phase::body
                       : stage == Stage::head || !rest_.empty() ? Phase::head
                                                                 : Phase::idle;
  if (!std::exchange(waits_anew_, false) && phase() == wanted) return;
  enter(wanted);
}

void Session::go_on_later() {
  if (std::exchange(going_on_, true)) return;
  server_.poller->later([self = shared_from_this()] {
    self->going_on_ = false;
    self->read_on();
  });
}

void Session::handle() {
  auto request = reader_.take();
  if (!request) return refuse(400, "the request target is malformed");
  request->role = door_.role;
  request->peer = peer_;
  ++server_.counters.requests;
  ++served_;
  doing_ = Doing::handling;
  if (!exchange_ || exchange_.use_count() > 1) exchange_ = std::make_shared<Exchange>();
  exchange_->begin(*this);
  server_.callbacks.handler(std::move(*request), Respond{exchange_});
  if (left_ && (doing_ == Doing::handling || doing_ == Doing::streaming)) return close();
  if (doing_ == Doing::handling) enter(Phase::handler);
}

// Dropped uncalled, maybe because of an exception that goes its way now: so the answer comes later.
void Session::answer_dropped() noexcept {
  server_.poller->later([self = shared_from_this(), exchange = exchange_] {
    if (!exchange->waits_for(*self)) return;
    exchange->end();
    ++self->server_.counters.errors;
    self->send(self->server_.callbacks.error_answer(
                   500, "the request was dropped; see the daemon's log"),
               self->then_next());
  });
}

void Session::refuse(int status, std::string_view detail) {
  ++server_.counters.errors;
  if (status == 408) ++server_.counters.timeouts;
  send(server_.callbacks.error_answer(status, detail), Then::drain);
}

// Closing a socket with unread input resets it, and the client would never see why it was refused.
void Session::drain() {
  for (std::size_t turn = 0; readable_; ) {
    if (turn >= drain_per_turn) return go_on_later();
    const ssize_t got = ::recv(fd_, server_.input.data(), server_.input.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) {
      readable_ = false;
      return;
    }
    if (got <= 0) return close();
    turn += static_cast<std::size_t>(got);
    drained_ += static_cast<std::size_t>(got);
    if (drained_ >= drain_max) return close();
  }
}

}  // namespace gpuhub::http
