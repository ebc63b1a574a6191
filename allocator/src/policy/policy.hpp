// A policy says which of the GPUs that have room is taken first. Pure: equal inputs, equal answer.
// Where there is room at all, and what a request needs, is the same for all of them (room.hpp).
#pragma once

#include <algorithm>
#include <cstdint>

#include "model/lease.hpp"

namespace gpuhub::policy {

// One GPU with what it carries now.
struct GpuUse {
  const model::Gpu* gpu = nullptr;  // never null; borrowed, valid until the machine changes
  int leases = 0;                   // live leases that hold it, in shared mode or exclusive
  int conflicts = 0;                // containers that hold it without a lease
  int foreign = 0;                  // containers that are not ours and use it
  int reserved = 0;                 // places kept for requests that have waited too long
  bool exclusive = false;           // a live lease holds it alone
  bool shut = false;                // kept for a waiting request that wants it alone, or avoided
                                    // because of foreign use: nobody else may come
  int taken() const { return leases + conflicts + reserved; }
  // Slots that nobody holds; 0 where nothing may be granted, whatever the reason.
  int free_slots() const {
    if (!gpu->in_service() || exclusive || shut) return 0;
    return std::max(0, gpu->slots - taken());
  }
  // Could it take one more lease of this mode now?
  bool has_room(model::Mode mode) const {
    return free_slots() > 0 && (mode == model::Mode::shared || taken() == 0);
  }
};

class Policy {
 public:
  virtual ~Policy() = default;
  // The lowest rank is taken first; on a tie the first in index order. Of a GPU with a free slot.
  virtual std::uint64_t rank(const GpuUse& use) const = 0;
};

}  // namespace gpuhub::policy
