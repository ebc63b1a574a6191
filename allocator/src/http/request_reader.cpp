#include "http/request_reader.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <optional>
#include <utility>

namespace gpuhub::http {
namespace {
namespace beast = boost::beast;
using boost::system::error_code;
using Http = beast::http::error;

// The status for a request that could not be read.
int status_of(const error_code& error) {
  if (error == Http::body_limit) return 413;
  if (error == Http::header_limit || error == Http::buffer_overflow) return 431;
  return 400;
}

std::string lower_case(std::string_view text) {
  std::string lower{text};
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// What Beast calls back with goes where it belongs at once.
class Message final : public beast::http::basic_parser<true> {
 public:
  Message(std::size_t head_max, std::size_t body_max) : body_max_(body_max) {
    header_limit(static_cast<std::uint32_t>(head_max));
    body_limit(body_max);
    eager(true);
    request.headers.reserve(4);  // more is rare on a socket of ours
  }

  Request request;
  std::string target;
  bool version_1_0 = false;
  bool head_only = false;
  bool waits_to_continue = false;

 private:
  void on_request_impl(beast::http::verb verb, beast::string_view method,
                       beast::string_view raw_target, int version, error_code&) override {
    request.method = method;
    target = raw_target;
    version_1_0 = version == 10;
    head_only = verb == beast::http::verb::head;
  }
  void on_response_impl(int, beast::string_view, int, error_code&) override {}
  void on_field_impl(beast::http::field field, beast::string_view name, beast::string_view value,
                     error_code& error) override {
    if (is_header_done()) return;  // a trailer says nothing that we want to know
    if (field == beast::http::field::expect) {
      waits_to_continue = beast::iequals(value, "100-continue");
    }
    // A body in a coding that we do not know would be taken for the next request.
    if (field == beast::http::field::transfer_encoding && !chunked()) {
      error = Http::bad_transfer_encoding;
    }
    request.headers.emplace_back(lower_case(name), value);
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
    if (length) request.body.reserve(std::min<std::uint64_t>(*length, body_max_));
  }
  std::size_t on_body_impl(beast::string_view body, error_code&) override {
    request.body += body;
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, error_code&) override {
    request.body += body;
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  std::size_t body_max_;
};

}  // namespace

struct RequestReader::Impl {
  Impl(std::size_t head, std::size_t body) : head_max(head), body_max(body) {}
  const std::size_t head_max;
  const std::size_t body_max;
  std::optional<Message> message;
  error_code error;
};

RequestReader::RequestReader(std::size_t head_max, std::size_t body_max)
    : impl_(std::make_unique<Impl>(head_max, body_max)) {
  start();
}
RequestReader::~RequestReader() = default;

void RequestReader::start() {
  impl_->error = {};
  impl_->message.emplace(impl_->head_max, impl_->body_max);
}

std::size_t RequestReader::feed(std::string_view bytes) {
  if (bytes.empty()) return 0;
  const std::size_t taken =
      impl_->message->put(boost::asio::const_buffer{bytes.data(), bytes.size()}, impl_->error);
  if (impl_->error == Http::need_more) impl_->error = {};
  return taken;
}

RequestReader::Stage RequestReader::stage() const {
  const auto& message = *impl_->message;
  if (impl_->error) return Stage::wrong;
  if (message.is_done()) return Stage::done;
  if (message.is_header_done()) return Stage::body;
  return message.got_some() ? Stage::head : Stage::nothing;
}

int RequestReader::status() const { return status_of(impl_->error); }
std::string RequestReader::why() const { return impl_->error.message(); }
bool RequestReader::http_1_0() const { return impl_->message->version_1_0; }
bool RequestReader::head_only() const { return impl_->message->head_only; }
bool RequestReader::waits_to_continue() const { return impl_->message->waits_to_continue; }
bool RequestReader::keep_alive() const { return impl_->message->keep_alive(); }

std::optional<Request> RequestReader::take() {
  auto target = parse_target(impl_->message->target);
  if (!target) return std::nullopt;
  impl_->message->request.target = std::move(*target);
  return std::move(impl_->message->request);
}

}  // namespace gpuhub::http
