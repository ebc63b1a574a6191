// Drives one peer with many connections from one thread and measures each operation. Each
// connection has one request under way at a time, and sends the next when the answer has come.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "bench/latencies.hpp"
#include "bench/sockets.hpp"
#include "bench/talker.hpp"

namespace gpuhub::bench {

struct LoadSettings {
  Address address;
  int connections = 1;
  // What ends before the warm-up is over is not counted, nor what ends after the measured time.
  std::chrono::milliseconds warm_up{0}, measured{1'000};
  std::uint64_t operations = 0;              // not 0: so many in all, however long they take
  std::chrono::milliseconds patience{10'000};  // without any answer; then the run has failed
};

struct LoadResult {
  Latencies latencies;          // of the counted operations
  double seconds = 0;           // in which they ended
  double cpu_seconds = 0;       // of this process, the whole run
  std::uint64_t all = 0;        // operations of the whole run, as the rest
  std::uint64_t conflicts = 0;
  std::uint64_t reconnects = 0; // connections that the peer closed between two answers
};

// Makes the talker of connection `number`.
using MakeTalker = std::function<std::unique_ptr<Talker>(int number)>;

// At its end every connection has given back what it held. Error: the first thing that went wrong.
std::expected<LoadResult, std::string> run_load(const LoadSettings& settings,
                                                const MakeTalker& make);

}  // namespace gpuhub::bench
