// One connection's straight line: wait, head, body, handler, answer, again. Each phase has a limit
// of its own, set anew, so that keep-alive and long waits live as long as they may.
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <tuple>
#include <utility>

#include "http/server_state.hpp"
#include "model/assert.hpp"

namespace gpuhub::http {
namespace {

namespace beast = boost::beast;
using boost::system::error_code;
constexpr auto as_result = asio::as_tuple(asio::deferred);
constexpr std::chrono::milliseconds drain_time{2'000};
constexpr std::size_t drain_max = 16 * 1024 * 1024;

Peer peer_of(UnixSocket& socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  const int result =
      ::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size);
  if (result != 0) return {.uid = ~0U, .gid = ~0U, .pid = 0};  // nobody
  return {.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid};
}

// The status for a request that could not be read; 0: the client just left.
int status_of(const error_code& error) {
  using Http = beast::http::error;
  if (error == Http::body_limit) return 413;
  if (error == Http::header_limit || error == Http::buffer_overflow) return 431;
  if (error == Http::end_of_stream || error == Http::partial_message) return 0;
  return error.category() == beast::http::make_error_code(Http::bad_method).category() ? 400 : 0;
}

// A header value may hold what a client sent: it never ends the line.
std::string one_line(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return text;
}

// Where the answer and the waiting session meet. Either may go first.
struct Answer {
  std::optional<Response> response;
  bool given = false;
  bool dropped = false;
  asio::steady_timer* wake = nullptr;  // while the session waits

  void ready() {
    if (wake != nullptr) wake->cancel();
  }
};

// What Respond holds: tells the session also when it is dropped uncalled.
class Answerer {
 public:
  explicit Answerer(std::shared_ptr<Answer> answer) : answer_(std::move(answer)) {}
  Answerer(Answerer&&) = default;
  Answerer& operator=(Answerer&&) = delete;
  ~Answerer() {
    if (!answer_ || answer_->given) return;
    answer_->dropped = true;
    answer_->ready();
  }
  void operator()(Response response) {
    GPUHUB_ASSERT(!answer_->given);  // exactly once
    answer_->given = true;
    answer_->response = std::move(response);
    answer_->ready();
  }

 private:
  std::shared_ptr<Answer> answer_;
};

}  // namespace

struct Session::Exchange {
  beast::flat_buffer buffer;  // may hold the start of the next request
  std::optional<beast::http::request_parser<beast::http::string_body>> parser;
};

Session::Session(std::shared_ptr<Server::State> server, Door& door, UnixSocket socket)
    : server_(std::move(server)),
      door_(door),
      socket_(std::move(socket)),
      deadline_(socket_) {
  server_->joined(this, door_);
}

Session::~Session() { server_->left(this, door_); }

void Session::cut() {
  cut_ = true;
  error_code ignored;
  socket_.close(ignored);
  if (handler_wait_ != nullptr) handler_wait_->cancel();
}

void Session::finish() {
  if (idle_) cut();
}

asio::awaitable<void> Session::serve(std::shared_ptr<Session> self) {
  co_await self->serve_all();
}

asio::awaitable<void> Session::serve_all() {
  Exchange exchange;
  exchange.buffer.max_size(server_->limits.head_max + 64 * 1024);
  while (!cut_) {
    if (!co_await wait_for_request(exchange)) co_return;
    if (co_await serve_one(exchange) == Next::close || server_->stopping) co_return;
  }
}

asio::awaitable<bool> Session::wait_for_request(Exchange& exchange) {
  if (exchange.buffer.size() > 0) co_return true;
  idle_ = true;
  deadline_.begin(server_->limits.idle_max);
  const auto [error, size] =
      co_await socket_.async_read_some(exchange.buffer.prepare(4096), as_result);
  deadline_.end();
  idle_ = false;
  exchange.buffer.commit(size);
  co_return !error && !cut_;
}

asio::awaitable<Session::Next> Session::serve_one(Exchange& exchange) {
  auto& parser = exchange.parser.emplace();
  parser.header_limit(static_cast<std::uint32_t>(server_->limits.head_max));
  parser.body_limit(server_->limits.body_max);
  deadline_.begin(server_->limits.head_time);
  const auto [error, size] =
      co_await beast::http::async_read_header(socket_, exchange.buffer, parser, as_result);
  deadline_.end();
  if (cut_) co_return Next::close;
  if (error && deadline_.passed()) {
    co_return co_await refuse(exchange, 408, "the head took too long");
  }
  if (error) co_return co_await refuse(exchange, status_of(error), error.message());
  if (!co_await read_body(exchange)) co_return Next::close;

  const auto& message = parser.get();
  auto target = parse_target(message.target());
  if (!target) co_return co_await refuse(exchange, 400, "the request target is malformed");
  Request request{.role = door_.role,
                  .peer = peer_of(socket_),
                  .method = std::string{message.method_string()},
                  .target = std::move(*target),
                  .headers = {},
                  .body = std::move(parser.get().body())};
  for (const auto& field : message) {
    std::string name{field.name_string()};
    std::ranges::transform(name, name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    request.headers.emplace_back(std::move(name), std::string{field.value()});
  }
  ++server_->counters.requests;
  Response response = co_await ask_handler(std::move(request));
  if (cut_) co_return Next::close;
  const bool keep_alive = message.keep_alive() && !server_->stopping;
  const bool written = co_await write(exchange, std::move(response), keep_alive);
  co_return written && keep_alive ? Next::keep_alive : Next::close;
}

// False: the connection is to be closed; what there was to say has been said.
asio::awaitable<bool> Session::read_body(Exchange& exchange) {
  auto& parser = *exchange.parser;
  if (parser.is_done()) co_return true;
  deadline_.begin(server_->limits.body_time);
  if (beast::iequals(parser.get()[beast::http::field::expect], "100-continue")) {
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await asio::async_write(socket_, asio::buffer(go_on), as_result);  // an error shows below
  }
  const auto [error, size] =
      co_await beast::http::async_read(socket_, exchange.buffer, parser, as_result);
  deadline_.end();
  if (cut_) co_return false;
  if (!error) co_return true;
  if (deadline_.passed()) {
    co_await refuse(exchange, 408, "the body took too long");
  } else {
    co_await refuse(exchange, status_of(error), error.message());
  }
  co_return false;
}

asio::awaitable<Response> Session::ask_handler(Request request) {
  const auto answer = std::make_shared<Answer>();
  server_->callbacks.handler(std::move(request), Answerer{answer});
  if (!answer->given && !answer->dropped) {
    asio::steady_timer wait{socket_.get_executor(), server_->limits.handler_time};
    // Undone also when the coroutine is destroyed in its sleep, with its loop.
    struct Asleep {
      Answer& answer;
      asio::steady_timer*& of_session;
      ~Asleep() { answer.wake = of_session = nullptr; }
    } const asleep{*answer, handler_wait_};
    answer->wake = handler_wait_ = &wait;
    co_await wait.async_wait(as_result);
  }
  if (answer->given) co_return std::move(*answer->response);
  if (cut_) co_return Response{};  // nobody reads it
  ++server_->counters.errors;
  if (answer->dropped) {
    co_return server_->callbacks.error_answer(500, "the request was dropped; see the daemon's log");
  }
  ++server_->counters.timeouts;
  co_return server_->callbacks.error_answer(503, "no answer in time; try again");
}

asio::awaitable<Session::Next> Session::refuse(Exchange& exchange, int status,
                                               std::string_view detail) {
  if (status == 0) co_return Next::close;
  ++server_->counters.errors;
  if (status == 408) ++server_->counters.timeouts;
  if (co_await write(exchange, server_->callbacks.error_answer(status, detail), false)) {
    co_await drain();
  }
  co_return Next::close;
}

asio::awaitable<bool> Session::write(Exchange& exchange, Response response, bool keep_alive) {
  const auto& request = exchange.parser->get();
  beast::http::response<beast::http::string_body> message;
  message.version(request.version() == 10 ? 10 : 11);
  message.result(static_cast<unsigned>(response.status));
  if (!response.content_type.empty()) {
    message.set(beast::http::field::content_type, one_line(std::move(response.content_type)));
  }
  for (auto& [name, value] : response.headers) {
    message.insert(one_line(std::move(name)), one_line(std::move(value)));
  }
  message.keep_alive(keep_alive);
  if (response.status != 204 && response.status != 304) {
    message.content_length(response.body.size());
    if (request.method() != beast::http::verb::head) message.body() = std::move(response.body);
  }
  deadline_.begin(server_->limits.write_time);
  const auto [error, size] = co_await beast::http::async_write(socket_, message, as_result);
  deadline_.end();
  co_return !error && !cut_;
}

// Closing a socket with unread input resets it, and the client would never see why it was refused.
asio::awaitable<void> Session::drain() {
  error_code ignored;
  socket_.shutdown(UnixSocket::shutdown_send, ignored);
  std::vector<char> scrap(64 * 1024);
  std::size_t total = 0;
  deadline_.begin(drain_time);
  while (total < drain_max && !deadline_.passed()) {
    const auto [error, size] = co_await socket_.async_read_some(asio::buffer(scrap), as_result);
    if (error) break;
    total += size;
  }
  deadline_.end();
}

}  // namespace gpuhub::http
