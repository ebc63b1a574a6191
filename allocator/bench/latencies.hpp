// The times that single operations took, and what people read of them. Not thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gpuhub::bench {

class Latencies {
 public:
  void add(std::chrono::nanoseconds took);  // counted as 4.29 s if it was longer
  std::size_t count() const { return took_ns_.size(); }
  // The nearest rank: the smallest time that at least `share` (0..1) of all did not exceed, in
  // microseconds. 0 if nothing was added.
  double quantile_us(double share) const;

 private:
  std::vector<std::uint32_t> took_ns_;
};

}  // namespace gpuhub::bench
