// The client's side of HTTP: one call, or one stream of lines, on a connection of its own.
#include "http/connection.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <limits>
#include <tuple>
#include <utility>

namespace gpuhub::http {
namespace {

namespace beast = boost::beast;
using boost::system::error_code;
constexpr auto as_result = asio::as_tuple(asio::deferred);
constexpr std::uint32_t head_max = 64 * 1024;

ClientError no_connection(const std::string& path, const error_code& error, bool timed_out) {
  if (timed_out) {
    return {.kind = ClientErrorKind::timed_out, .message = path + " does not accept connections"};
  }
  return {.kind = ClientErrorKind::refused,
          .message = "cannot connect to " + path + ": " + error.message(),
          .error_number = error.value()};
}

ClientError lost(const std::string& path, const error_code& error, bool timed_out) {
  using Http = beast::http::error;
  if (timed_out) {
    return {.kind = ClientErrorKind::timed_out, .message = path + " did not answer in time"};
  }
  if (error == Http::body_limit || error == Http::header_limit || error == Http::buffer_overflow) {
    return {.kind = ClientErrorKind::too_large,
            .message = "the answer of " + path + " is too large"};
  }
  return {.kind = ClientErrorKind::broken,
          .message = "the answer of " + path + " broke off: " + error.message()};
}

beast::http::request<beast::http::string_body> request_of(Call call) {
  beast::http::request<beast::http::string_body> request;
  request.version(11);
  request.method_string(call.method);
  request.target(call.target);
  request.set(beast::http::field::host, "localhost");
  request.set(beast::http::field::connection, "close");
  if (!call.body.empty()) request.set(beast::http::field::content_type, "application/json");
  for (const auto& [name, value] : call.headers) request.set(name, value);
  request.body() = std::move(call.body);
  request.prepare_payload();
  return request;
}

Headers headers_of(const beast::http::fields& fields) {
  Headers headers;
  for (const auto& field : fields) {
    std::string name{field.name_string()};
    for (char& c : name) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    headers.emplace_back(std::move(name), std::string{field.value()});
  }
  return headers;
}

// Connects and sends.
asio::awaitable<std::expected<void, ClientError>> send(UnixSocket& socket, const std::string& path,
                                                       Call call, const Deadline& deadline) {
  const auto [connect_error] = co_await socket.async_connect(
      asio::local::stream_protocol::endpoint{path}, as_result);
  if (connect_error) {
    co_return std::unexpected(no_connection(path, connect_error, deadline.passed()));
  }
  const auto request = request_of(std::move(call));
  const auto [error, size] = co_await beast::http::async_write(socket, request, as_result);
  // An early answer (413) may come with a broken pipe: what there is to read says more.
  if (error && error != asio::error::broken_pipe) {
    co_return std::unexpected(lost(path, error, deadline.passed()));
  }
  co_return std::expected<void, ClientError>{};
}

// Cuts a growing text into lines.
class Lines {
 public:
  explicit Lines(std::size_t max) : max_(max) {}

  enum class Fed { fine, too_long, stopped };
  template <typename Each>
  Fed feed(std::string_view text, const Each& each) {
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      if (rest_.size() + std::min(end, text.size()) > max_) return Fed::too_long;
      rest_ += text.substr(0, end);
      if (end == std::string_view::npos) return Fed::fine;
      text.remove_prefix(end + 1);
      const std::string line = std::exchange(rest_, {});
      if (line.find_first_not_of(" \t\r") != std::string::npos && !each(line)) return Fed::stopped;
    }
    return Fed::fine;
  }

 private:
  std::size_t max_;
  std::string rest_;
};

}  // namespace

asio::awaitable<std::expected<Response, ClientError>> exchange(UnixSocket& socket,
                                                               std::string path, Call call,
                                                               ClientLimits limits) {
  Deadline deadline{socket};
  deadline.begin(limits.time);
  const bool wants_head_only = call.method == "HEAD";
  if (auto sent = co_await send(socket, path, std::move(call), deadline); !sent) {
    co_return std::unexpected(std::move(sent.error()));
  }
  beast::flat_buffer buffer{head_max + limits.body_max};
  beast::http::response_parser<beast::http::string_body> parser;
  parser.header_limit(head_max);
  parser.body_limit(limits.body_max);
  parser.skip(wants_head_only);
  const auto [error, size] = co_await beast::http::async_read(socket, buffer, parser, as_result);
  if (error) co_return std::unexpected(lost(path, error, deadline.passed()));
  auto message = parser.release();
  co_return Response{.status = static_cast<int>(message.result_int()),
                     .content_type = std::string{message[beast::http::field::content_type]},
                     .headers = headers_of(message),
                     .body = std::move(message.body())};
}

asio::awaitable<ClientError> follow(UnixSocket& socket, std::string path, std::string target,
                                    ClientLimits limits, StreamEvents events,
                                    std::function<bool()> go_on) {
  Deadline deadline{socket};
  deadline.begin(limits.time);
  Call call{.method = "GET", .target = std::move(target), .headers = {}, .body = {}};
  if (auto sent = co_await send(socket, path, std::move(call), deadline); !sent) {
    co_return std::move(sent.error());
  }
  beast::flat_buffer buffer{2 * head_max};
  beast::http::response_parser<beast::http::buffer_body> parser;
  parser.header_limit(head_max);
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());
  const auto [error, size] =
      co_await beast::http::async_read_header(socket, buffer, parser, as_result);
  deadline.end();
  if (error) co_return lost(path, error, deadline.passed());
  if (parser.get().result() != beast::http::status::ok) {
    co_return ClientError{.kind = ClientErrorKind::broken,
                          .message = path + " answered " +
                                     std::to_string(parser.get().result_int()) + " to the stream"};
  }
  events.opened();
  Lines lines{limits.line_max};
  const auto each = [&](const std::string& line) {
    events.line(line);
    return go_on();
  };
  std::array<char, 16 * 1024> chunk{};
  while (go_on() && !parser.is_done()) {
    parser.get().body().data = chunk.data();
    parser.get().body().size = chunk.size();
    const auto [read_error, read_size] =
        co_await beast::http::async_read_some(socket, buffer, parser, as_result);
    if (!go_on()) break;
    const std::size_t got = chunk.size() - parser.get().body().size;
    if (lines.feed({chunk.data(), got}, each) == Lines::Fed::too_long) {
      co_return ClientError{.kind = ClientErrorKind::too_large,
                            .message = "a line of the stream of " + path + " is too long"};
    }
    if (read_error && read_error != beast::http::error::need_buffer) {
      co_return lost(path, read_error, false);
    }
  }
  co_return ClientError{.kind = ClientErrorKind::broken,
                        .message = path + " ended the stream"};
}

}  // namespace gpuhub::http
