// Policy `least_used`: of the GPUs with a free slot, those with the lowest use per slot; on a tie the
// first in index order. Spreads people over the GPUs, so that sharing begins as late as possible.
#pragma once

#include "policy/policy.hpp"

namespace gpuhub::policy {

class LeastUsed final : public Policy {
 public:
  std::expected<std::vector<model::GpuId>, NoPlacement> pick(std::span<const GpuUse> gpus,
                                                             const model::Want& want,
                                                             model::Mode mode) const override;
};

}  // namespace gpuhub::policy
