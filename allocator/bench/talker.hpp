// One connection's side of the work: ask for one GPU, release it, again. An operation is an ask or
// a release; a talker knows one peer's protocol and what its connection holds.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace gpuhub::bench {

enum class Heard {
  more,    // the answer is not whole yet
  again,   // the operation goes on: another request follows (a read before a write, a conflict)
  done,    // the operation is over
  broken   // not what a working peer says; trouble() tells
};

class Talker {
 public:
  virtual ~Talker() = default;
  // Appends the next request to `out`.
  virtual void request(std::string& out) = 0;
  // Takes what has come off the front of `text`, at most one answer.
  virtual Heard hear(std::string_view& text) = 0;
  virtual bool holds() const = 0;          // a GPU that is to be given back
  virtual bool closed() const { return false; }  // by the peer, after the last answer
  virtual std::uint64_t conflicts() const { return 0; }  // tried anew since somebody was faster

  const std::string& trouble() const { return trouble_; }

 protected:
  Heard broken(std::string why) {
    trouble_ = std::move(why);
    return Heard::broken;
  }

 private:
  std::string trouble_;
};

struct HttpWork {
  std::string want = R"({"count":1})";  // JSON of "gpus" in each ask
  bool release = true;                  // false: ask only, for an owner of its own each time
  std::string run;                      // in request ids and kept owners: each run's are its own
};
// `number` tells the connections of one run apart.
std::unique_ptr<Talker> http_talker(const HttpWork& work, int number);

struct RedisWork {
  std::string ask_sha, release_sha;  // the scripts, loaded before
};
std::unique_ptr<Talker> redis_talker(const RedisWork& work, int number);

// Keys `gpu/N`, each with the number of its leases, are there before; `slots` is the most.
struct EtcdWork {
  int slots = 1;
  std::string run;
};
std::unique_ptr<Talker> etcd_talker(const EtcdWork& work, int number);

}  // namespace gpuhub::bench
