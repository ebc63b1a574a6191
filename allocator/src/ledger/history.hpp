// How long leases have lasted here, by kind: what the estimate of a wait goes by. Bounded.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "model/lease.hpp"

namespace gpuhub::ledger {

class History {
 public:
  static constexpr std::size_t kept_max = 256;  // of each kind; the newest
  static constexpr std::size_t enough = 5;      // fewer tell nothing

  // Notes an ended lease that was granted; others are passed over.
  void add(const model::Lease& ended);
  // Durations of leases of so many GPUs; of all kinds where too few of this one have ended. Empty:
  // too few of any.
  std::span<const model::Duration> of(std::size_t gpus) const;

 private:
  struct Ring {
    std::vector<model::Duration> durations;
    std::size_t next = 0;
    void add(model::Duration duration);
  };
  static std::size_t kind_of(std::size_t gpus);
  std::array<Ring, 5> kinds_;                   // none, 1, 2, 3 to 4, more
  Ring any_;                                    // of at least one GPU
};

}  // namespace gpuhub::ledger
