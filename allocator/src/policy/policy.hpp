// A policy picks the GPUs for a request from what is free. Pure: equal inputs, equal answer.
#pragma once

#include <algorithm>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "model/lease.hpp"

namespace gpuhub::policy {

// One GPU with what it carries now, in index order.
struct GpuUse {
  const model::Gpu* gpu = nullptr;  // never null; borrowed for the call
  int leases = 0;                   // live leases, in shared mode or exclusive
  int conflicts = 0;                // containers that hold it without a lease
  bool exclusive = false;           // a live lease holds it alone
  // Slots that nobody holds; 0 where exclusive, absent or overbooked.
  int free_slots() const {
    if (!gpu->present || exclusive) return 0;
    return std::max(0, gpu->slots - leases - conflicts);
  }
};

enum class WhyNot {
  never,   // this machine can never serve it: too many GPUs, an unknown GPU or position
  not_now  // it can once others have ended
};
struct NoPlacement {
  WhyNot why;
  std::string detail;  // one sentence a person can act on
};

class Policy {
 public:
  virtual ~Policy() = default;
  // GPUs for `want` in `mode`, in index order, distinct; empty for WantNone.
  virtual std::expected<std::vector<model::GpuId>, NoPlacement> pick(
      std::span<const GpuUse> gpus, const model::Want& want, model::Mode mode) const = 0;
};

}  // namespace gpuhub::policy
