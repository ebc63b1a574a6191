// When a waiting request will be granted, from how long leases of its kind have lasted here and how
// old those are that stand in its way. Plays the queue forward many times, each time with other
// lengths drawn from the past; the answers' spread is the range. Pure: the draws come from a fixed
// sequence, so equal books give an equal estimate.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "model/units.hpp"

namespace gpuhub::ledger {

class Books;

// From now on. Of ten such requests one starts before `early`, and one after `late`.
struct Estimate {
  model::Duration early, likely, late;
  bool operator==(const Estimate&) const = default;
};

// Beyond these nothing is estimated: it would take too long for what it is worth.
inline constexpr std::size_t estimate_gpus_max = 512;
inline constexpr std::size_t estimate_leases_max = 4'096;
inline constexpr std::size_t estimate_queue_max = 256;  // those behind get none

// One for each that waits, in the queue's order. nullopt: too few leases have ended here so far, or
// it is beyond the limits, or it cannot start however many end (a GPU is out of service).
// `reserve_after`: from this wait on places are kept, as the queue's rules do.
std::vector<std::optional<Estimate>> estimate(const Books& books, model::Instant at,
                                              model::Duration reserve_after);

}  // namespace gpuhub::ledger
