// Policy `least_used`: the lowest use per slot first. Spreads people over the GPUs, so that sharing
// begins as late as possible.
#pragma once

#include "policy/policy.hpp"

namespace gpuhub::policy {

class LeastUsed final : public Policy {
 public:
  std::uint64_t rank(const GpuUse& use) const override;
};

}  // namespace gpuhub::policy
