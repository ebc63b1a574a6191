// Many clients that listen to an event stream, cheaply: what comes is read and thrown away.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "bench/sockets.hpp"

namespace gpuhub::bench {

class Listeners {
 public:
  // Opens `count` connections and asks each for `target`. Returns when all have been answered with
  // 200. Error: what went wrong first, beginning with the status where there was another.
  static std::expected<Listeners, std::string> open(const Address& address,
                                                    const std::string& target, int count);
  // Reads until the descriptor `stop` becomes readable or is closed. Error: a stream that ended.
  std::expected<void, std::string> listen(int stop);

  std::uint64_t bytes() const;        // heard by all together, heads included
  std::uint64_t least_bytes() const;  // by the one that heard least

 private:
  struct Stream {
    Descriptor socket;
    std::uint64_t bytes = 0;
  };
  std::expected<void, std::string> read(Stream& stream);

  Descriptor epoll_;
  std::vector<Stream> streams_;
  std::vector<char> scrap_;
};

}  // namespace gpuhub::bench
