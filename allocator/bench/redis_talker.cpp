// Redis: one script asks, another releases (peers/*.lua). Each runs as one, so nobody conflicts.
#include <format>

#include "bench/resp.hpp"
#include "bench/talker.hpp"

namespace gpuhub::bench {
namespace {

class RedisTalker final : public Talker {
 public:
  RedisTalker(const RedisWork& work, int number)
      : work_(work), user_(std::format("user-{}", number)) {}

  void request(std::string& out) override {
    if (holds()) {
      write_command({"EVALSHA", work_.release_sha, "2", "gpus", "leases", lease_}, out);
    } else {
      write_command({"EVALSHA", work_.ask_sha, "3", "gpus", "leases", "serial", user_}, out);
    }
  }

  Heard hear(std::string_view& text) override {
    switch (reader_.read(text)) {
      case Reading::more: return Heard::more;
      case Reading::broken: return broken("not a RESP reply");
      case Reading::whole: break;
    }
    const Reply& reply = reader_.reply();
    if (reply.kind == Reply::Kind::error) return broken(std::string{reply.text});
    if (holds()) {
      if (reply.text != "1") return broken("the lease was not there");
      lease_.clear();
    } else {
      if (reply.items.empty() || reply.items.front().empty()) return broken("no GPU was free");
      lease_ = reply.items.front();
    }
    text.remove_prefix(reader_.size());
    return Heard::done;
  }

  bool holds() const override { return !lease_.empty(); }

 private:
  const RedisWork work_;
  const std::string user_;
  std::string lease_;
  RespReader reader_;
};

}  // namespace

std::unique_ptr<Talker> redis_talker(const RedisWork& work, int number) {
  return std::make_unique<RedisTalker>(work, number);
}

}  // namespace gpuhub::bench
