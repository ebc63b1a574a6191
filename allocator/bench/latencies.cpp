#include "bench/latencies.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gpuhub::bench {

void Latencies::add(std::chrono::nanoseconds took) {
  constexpr std::int64_t most = std::numeric_limits<std::uint32_t>::max();
  took_ns_.push_back(
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(took.count(), 0, most)));
}

double Latencies::quantile_us(double share) const {
  if (took_ns_.empty()) return 0;
  const auto wanted = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count()));
  const auto rank = std::max<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(wanted), 1) - 1;
  auto sorted = took_ns_;
  std::nth_element(sorted.begin(), sorted.begin() + rank, sorted.end());
  return static_cast<double>(sorted[static_cast<std::size_t>(rank)]) / 1000;
}

}  // namespace gpuhub::bench
