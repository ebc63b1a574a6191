// etcd by its JSON gateway, as one does it without a server of one's own: read the GPUs, take the
// least used, write by compare-and-swap; if somebody was faster, again.
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <exception>
#include <format>
#include <iterator>
#include <optional>
#include <utility>

#include "bench/base64.hpp"
#include "bench/http_reader.hpp"
#include "bench/talker.hpp"

namespace gpuhub::bench {
namespace {
namespace json = boost::json;

struct Seen {
  std::string key, revision;  // as etcd writes them: base64, and a number as text
  int leases = 0;
};

class EtcdTalker final : public Talker {
 public:
  EtcdTalker(const EtcdWork& work, int number) : work_(work), number_(number) {}

  void request(std::string& out) override {
    if (!seen_) {
      // Its own GPU, or all of them: from `gpu/` up to the next byte.
      post("/v3/kv/range",
           holds() ? std::format(R"({{"key":"{}"}})", gpu_)
                   : std::format(R"({{"key":"{}","range_end":"{}"}})", base64("gpu/"),
                                 base64("gpu0")),
           out);
      return;
    }
    if (!holds()) lease_ = base64(std::format("lease/{}-{}-{}", work_.run, number_, ++asked_));
    const auto change =
        holds() ? std::format(R"({{"request_delete_range":{{"key":"{}"}}}})", lease_)
                : std::format(R"({{"request_put":{{"key":"{}","value":"{}"}}}})", lease_,
                              seen_->key);
    post("/v3/kv/txn",
         std::format(R"({{"compare":[{{"key":"{}","target":"MOD","mod_revision":"{}"}}],)"
                     R"("success":[{{"request_put":{{"key":"{}","value":"{}"}}}},{}]}})",
                     seen_->key, seen_->revision, seen_->key,
                     base64(std::to_string(seen_->leases + (holds() ? -1 : 1))), change),
         out);
  }

  Heard hear(std::string_view& text) override {
    switch (reader_.read(text)) {
      case Reading::more: return Heard::more;
      case Reading::broken: return broken(reader_.why());
      case Reading::whole: break;
    }
    const HttpAnswer& answer = reader_.answer();
    if (answer.status != 200) return broken(std::string{answer.body.substr(0, 300)});
    const auto heard = seen_ ? written(answer.body) : looked(answer.body);
    closed_ = answer.close;
    text.remove_prefix(answer.size);
    return heard;
  }

  bool holds() const override { return !gpu_.empty(); }
  bool closed() const override { return closed_; }
  std::uint64_t conflicts() const override { return conflicts_; }

 private:
  static void post(std::string_view path, const std::string& body, std::string& out) {
    std::format_to(std::back_inserter(out),
                   "POST {} HTTP/1.1\r\nHost: localhost\r\n"
                   "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                   path, body.size(), body);
  }

  // The least used of what the range gave. Who comes at the same time begins at another GPU.
  Heard looked(std::string_view body) {
    try {
      const auto read = json::parse(body);
      look(read.as_object().at("kvs").as_array());
    } catch (const std::exception& error) {
      return broken(std::format("{} in {}", error.what(), body.substr(0, 300)));
    }
    if (!seen_) return broken("etcd has no GPUs");
    if (!holds() && seen_->leases >= work_.slots) return broken("no GPU was free");
    return Heard::again;
  }

  void look(const json::array& all) {
    for (std::size_t n = 0; n < all.size(); ++n) {
      const auto& one = all[(n + static_cast<std::size_t>(number_)) % all.size()].as_object();
      const auto count = unbase64(one.at("value").as_string());
      int leases = 0;
      std::from_chars(count.data(), count.data() + count.size(), leases);
      if (seen_ && seen_->leases <= leases) continue;
      seen_ = Seen{.key = std::string{one.at("key").as_string()},
                   .revision = std::string{one.at("mod_revision").as_string()},
                   .leases = leases};
    }
  }

  Heard written(std::string_view body) {
    const auto seen = *std::exchange(seen_, std::nullopt);
    if (body.find(R"("succeeded":true)") == std::string_view::npos) {
      ++conflicts_;
      return Heard::again;
    }
    gpu_ = holds() ? std::string{} : seen.key;
    return Heard::done;
  }

  const EtcdWork work_;
  const int number_;
  std::uint64_t asked_ = 0, conflicts_ = 0;
  std::string gpu_, lease_;    // keys in base64; of what is held
  std::optional<Seen> seen_;   // between the read and the write
  HttpReader reader_;
  bool closed_ = false;
};

}  // namespace

std::unique_ptr<Talker> etcd_talker(const EtcdWork& work, int number) {
  return std::make_unique<EtcdTalker>(work, number);
}

}  // namespace gpuhub::bench
