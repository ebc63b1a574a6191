// All chance of a simulation, from one seed: equal seeds give equal runs on every machine.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gpuhub::sim {

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {  // splitmix64
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  // 0 .. `below` - 1.
  std::size_t pick(std::size_t below) { return static_cast<std::size_t>(next() % below); }
  int between(int low, int high) {
    return low + static_cast<int>(pick(static_cast<std::size_t>(high - low + 1)));
  }
  bool one_in(int n) { return n > 0 && pick(static_cast<std::size_t>(n)) == 0; }

 private:
  std::uint64_t state_;
};

}  // namespace gpuhub::sim
