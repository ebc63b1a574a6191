// The allocator's API, which the Flask peers have too: POST /v1/leases, DELETE /v1/leases/ID.
#include <format>
#include <iterator>

#include "bench/http_reader.hpp"
#include "bench/talker.hpp"

namespace gpuhub::bench {
namespace {

// The text of the field "id": the first of that name in every peer's answer.
std::string_view id_in(std::string_view body) {
  static constexpr std::string_view name = "\"id\"";
  const auto at = body.find(name);
  if (at == std::string_view::npos) return {};
  body.remove_prefix(at + name.size());
  const auto begin = body.find('"');
  if (begin == std::string_view::npos) return {};
  body.remove_prefix(begin + 1);
  return body.substr(0, body.find('"'));
}

class HttpTalker final : public Talker {
 public:
  HttpTalker(const HttpWork& work, int number) : work_(work), number_(number) {}

  void request(std::string& out) override {
    if (holds()) {
      std::format_to(std::back_inserter(out),
                     "DELETE /v1/leases/{} HTTP/1.1\r\nHost: localhost\r\n\r\n", lease_);
      return;
    }
    ++asked_;
    const auto user = work_.release ? std::format("user-{}", number_)
                                    : std::format("user-{}-{}-{}", work_.run, number_, asked_);
    const auto body =
        std::format(R"({{"request_id":"{}-{}-{}","owner":{{"user":"{}"}},"gpus":{}}})", work_.run,
                    number_, asked_, user, work_.want);
    std::format_to(std::back_inserter(out),
                   "POST /v1/leases HTTP/1.1\r\nHost: localhost\r\n"
                   "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                   body.size(), body);
  }

  Heard hear(std::string_view& text) override {
    switch (reader_.read(text)) {
      case Reading::more: return Heard::more;
      case Reading::broken: return broken(reader_.why());
      case Reading::whole: break;
    }
    const HttpAnswer& answer = reader_.answer();
    closed_ = answer.close;
    const int wanted = holds() ? 200 : 201;
    if (answer.status != wanted) {
      return broken(std::format("{} instead of {}: {}", answer.status, wanted,
                                answer.body.substr(0, 300)));
    }
    if (holds()) {
      lease_.clear();
    } else {
      lease_ = id_in(answer.body);
      if (lease_.empty()) return broken("no id in the answer");
      if (!work_.release) lease_.clear();
    }
    text.remove_prefix(answer.size);
    return Heard::done;
  }

  bool holds() const override { return !lease_.empty(); }
  bool closed() const override { return closed_; }

 private:
  const HttpWork work_;
  const int number_;
  std::uint64_t asked_ = 0;
  std::string lease_;
  HttpReader reader_;
  bool closed_ = false;
};

}  // namespace

std::unique_ptr<Talker> http_talker(const HttpWork& work, int number) {
  return std::make_unique<HttpTalker>(work, number);
}

}  // namespace gpuhub::bench
