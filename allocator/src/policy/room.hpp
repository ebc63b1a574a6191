// What each GPU of the machine carries, and where there is room: the GPUs with a free slot stand in
// the policy's order, so that a request is placed without looking at all of them. Knows no leases
// by name, only how many there are. Deterministic. Not thread-safe.
#pragma once

#include <expected>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/lookup.hpp"
#include "policy/policy.hpp"

namespace gpuhub::policy {

enum class WhyNot {
  never,   // this machine can never serve it: too many GPUs, an unknown GPU or position
  not_now  // it can once others have ended, or GPUs are back in service
};
struct NoPlacement {
  WhyNot why;
  std::string detail;  // one sentence a person can act on
};
using Picked = std::expected<std::vector<model::GpuId>, NoPlacement>;

class Room {
 public:
  // `policy` is borrowed. `avoid_foreign`: a GPU that somebody uses without us gets no lease.
  Room(const Policy& policy, bool avoid_foreign) : policy_(policy), avoid_foreign_(avoid_foreign) {}
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  // ---- the machine ----
  // In index order. What a GPU carries stays with its id; one that is left out carries nothing any
  // more. Pointers and spans given before are void.
  void set_gpus(std::vector<model::Gpu> gpus);
  void set_gpu(model::Gpu gpu);                     // known by its id (asserted)
  std::span<const GpuUse> gpus() const { return uses_; }
  const GpuUse* find(const model::GpuId& id) const;  // null: unknown

  // ---- what it carries; of known GPUs (asserted) ----
  void take(const model::GpuId& id, model::Mode mode);
  void give(const model::GpuId& id);
  void add_conflict(const model::GpuId& id, int by);
  void add_foreign(const model::GpuId& id, int by);

  // ---- requests ----
  // GPUs for `want` in `mode`, in index order, distinct; empty for WantNone.
  Picked place(const model::Want& want, model::Mode mode) const;
  // Positions as UUIDs; all else as it is. `never` if there is no such position.
  std::expected<model::Want, NoPlacement> pin(const model::Want& want) const;
  // Keeps places for a request that cannot be placed now, so that nobody who comes later delays
  // it: see room.cpp. Nothing is kept for one that could not start even if all leases ended.
  void reserve(const model::Want& want, model::Mode mode);
  void clear_reserved();

 private:
  using Place = std::size_t;                         // in uses_
  GpuUse& at(const model::GpuId& id);
  template <typename Change>
  void change(GpuUse& use, const Change& how);
  void enter(const GpuUse& use);
  void leave(const GpuUse& use);
  void keep(GpuUse& use, model::Mode mode);
  Picked by_count(int count, model::Mode mode) const;
  Picked exactly(std::vector<const GpuUse*> wanted, model::Mode mode) const;
  std::expected<std::vector<const GpuUse*>, NoPlacement> named(const model::Want& want) const;

  const Policy& policy_;
  bool avoid_foreign_;
  std::vector<model::Gpu> gpus_;
  std::vector<GpuUse> uses_;                         // of gpus_, in the same order
  model::Lookup<model::GpuId, Place> by_id_;
  std::set<std::pair<std::uint64_t, Place>> free_;   // with a free slot: rank, place
  std::set<Place> reserved_;                         // where something is kept
  int size_ = 0;                                     // GPUs that count as this machine's
};

}  // namespace gpuhub::policy
