// Policy: each GPU goes to the request with the lowest use per slot, the first one on a tie. An
// exclusive request needs a GPU that nobody holds. Stateless.
#pragma once

#include "policy/policy.hpp"

namespace gpuhub::policy {

class LeastUsed final : public Policy {
 public:
  std::expected<std::vector<model::GpuId>, NoPlacement> pick(
      std::span<const GpuUse> gpus, const model::Want& want, model::Mode mode) const override;
};

}  // namespace gpuhub::policy
