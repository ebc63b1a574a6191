#include "policy/least_used.hpp"

namespace gpuhub::policy {

// Use per slot as a whole number. Two different fractions with at most slots_max below the line are
// at least 1/slots_max² apart, so the scale keeps their order, and equal ones stay equal.
std::uint64_t LeastUsed::rank(const GpuUse& use) const {
  constexpr std::uint64_t scale = 1U << 20U;
  static_assert(scale > std::uint64_t{model::slots_max} * model::slots_max);
  return static_cast<std::uint64_t>(use.taken()) * scale /
         static_cast<std::uint64_t>(use.gpu->slots);
}

}  // namespace gpuhub::policy
