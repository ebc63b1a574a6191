// A session's way out: answers and streams. Written at once as far as the socket takes it; only
// what is left over waits for the poller.
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "http/answer_head.hpp"
#include "http/exchange.hpp"
#include "http/session.hpp"

namespace gpuhub::http {
namespace {

constexpr std::size_t joined_max = 8 * 1024;  // a body so small is copied behind its head

// Gives how much was written, 0 if nothing goes now, -1 if nothing ever will.
ssize_t write_some(int fd, std::string_view head, std::string_view body) {
  std::array<iovec, 2> parts{{{const_cast<char*>(head.data()), head.size()},
                              {const_cast<char*>(body.data()), body.size()}}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  while (true) {
    const ssize_t sent = body.empty()
                             ? ::send(fd, head.data(), head.size(), MSG_NOSIGNAL | MSG_DONTWAIT)
                             : ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return sent;
    if (errno != EINTR) return errno == EAGAIN ? 0 : -1;
  }
}

}  // namespace

Session::Then Session::then_next() const {
  return reader_.keep_alive() && !server_.stopping ? Then::next_request : Then::close;
}

void Session::answered(Response response) {
  exchange_->end();
  send(std::move(response), then_next());
}

void Session::send(Response response, Then then) {
  const AnswerForm form{.http_1_0 = reader_.http_1_0(),
                        .head_only = reader_.head_only(),
                        .keep_alive = then == Then::next_request};
  std::string& text = server_.output;
  text.clear();
  append_head(text, response, form);
  if (!carries_body(response, form)) response.body.clear();
  if (response.body.size() <= joined_max) {
    text += response.body;
    response.body.clear();
  }
  write(text, std::move(response.body), then);
}

void Session::write(const std::string& head, std::string body, Then then) {
  then_ = then;
  const ssize_t sent = write_some(fd_, head, body);
  if (sent < 0) return close();
  if (static_cast<std::size_t>(sent) == head.size() + body.size()) return this->sent();
  doing_ = Doing::writing;
  sent_ = static_cast<std::size_t>(sent);
  unsent_head_ = head;
  unsent_body_ = std::move(body);
  want_writable(true);
  enter(Phase::write);
}

void Session::send_rest() {
  std::string_view head = unsent_head_;
  std::string_view body = unsent_body_;
  body.remove_prefix(sent_ > head.size() ? sent_ - head.size() : 0);
  head.remove_prefix(std::min(sent_, head.size()));
  if (head.empty()) std::swap(head, body);
  const ssize_t sent = write_some(fd_, head, body);
  if (sent < 0) return close();
  sent_ += static_cast<std::size_t>(sent);
  if (sent_ < unsent_head_.size() + unsent_body_.size()) return;
  unsent_head_.clear();
  unsent_body_ = {};
  want_writable(false);
  this->sent();
}

// The whole answer is on its way.
void Session::sent() {
  if (then_ == Then::close || (then_ == Then::next_request && server_.stopping)) return close();
  if (then_ == Then::drain) {
    doing_ = Doing::draining;
    drained_ = 0;
    readable_ = true;
    ::shutdown(fd_, SHUT_WR);
    enter(Phase::drain);
    return go_on_later();
  }
  doing_ = Doing::reading;
  reader_.start();
  continue_said_ = false;
  waits_anew_ = true;
  if (in_turn_) return;  // read_on() goes on
  enter(Phase::none);    // the last one's time does not count for the next
  if (readable_ || !rest_.empty()) return go_on_later();
  wait_for_more();
}

std::shared_ptr<StreamSink> Session::start_stream(Response head) {
  exchange_->end();
  const AnswerForm form{.http_1_0 = reader_.http_1_0(), .head_only = reader_.head_only(),
                        .keep_alive = false};
  std::string text;
  append_stream_head(text, head, form);
  if (form.head_only || door_.streams >= server_.limits.streams_max) {
    if (form.head_only) {
      write(text, {}, Then::close);
    } else {
      ++server_.counters.errors;
      send(server_.callbacks.error_answer(503, "too many listeners; try again later"),
           then_next());
    }
    return std::make_shared<Stream>(nullptr, server_.poller);
  }
  doing_ = Doing::streaming;
  --door_.connections;
  ++door_.streams;
  enter(Phase::none);
  queue_.emplace(!form.http_1_0);
  queue_->put_raw(std::make_shared<const std::string>(std::move(text)));
  stream_ = std::make_shared<Stream>(this, server_.poller);
  if (head.body.empty()) {
    flush_later();
  } else {
    write_to_stream(std::make_shared<const std::string>(std::move(head.body)));
  }
  return stream_;
}

void Session::write_to_stream(Chunk chunk) {
  const auto too_much = [this] {
    return doing_ == Doing::streaming && queue_->pending() > server_.limits.stream_pending_max;
  };
  if (too_much() && !writable_wanted_) flush_stream();  // not waiting for the client, but for us
  if (too_much()) {
    ++server_.counters.streams_cut;
    close();
  }
  if (doing_ != Doing::streaming) return;
  queue_->put(std::move(chunk));
  flush_later();
}

void Session::end_stream() {
  stream_ = nullptr;
  stream_ended_ = true;
  queue_->put_end();
  flush_later();
}

// At the end of the turn: what is written until then goes together.
void Session::flush_later() {
  if (writable_wanted_ || std::exchange(flushing_, true)) return;
  server_.poller->later([self = shared_from_this()] {
    self->flushing_ = false;
    if (self->doing_ == Doing::streaming) self->flush_stream();
  });
}

void Session::flush_stream() {
  const std::size_t before = queue_->pending();
  switch (queue_->send(fd_)) {
    case ChunkQueue::Sent::all:
      want_writable(false);
      if (stream_ended_) return close();
      if (phase() != Phase::none) enter(Phase::none);
      return;
    case ChunkQueue::Sent::blocked:
      want_writable(true);
      if (phase() == Phase::none || queue_->pending() < before) enter(Phase::write);
      return;
    case ChunkQueue::Sent::broken: return close();
  }
}

void Session::want_writable(bool wanted) {
  if (std::exchange(writable_wanted_, wanted) != wanted) {
    server_.poller->want_writable(fd_, *this, wanted);
  }
}

}  // namespace gpuhub::http
