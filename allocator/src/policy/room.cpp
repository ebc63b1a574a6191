#include "policy/room.hpp"

#include <format>

#include "model/assert.hpp"

namespace gpuhub::policy {
namespace {

std::unexpected<NoPlacement> never(std::string detail) {
  return std::unexpected(NoPlacement{WhyNot::never, std::move(detail)});
}
std::unexpected<NoPlacement> not_now(std::string detail) {
  return std::unexpected(NoPlacement{WhyNot::not_now, std::move(detail)});
}

std::string why_closed(const GpuUse& use) {
  const auto name = std::format("GPU {} ({})", use.gpu->index, use.gpu->info.id.str());
  if (!use.gpu->present) return name + " is missing";
  if (use.gpu->drained) return name + " takes no new leases: it is being drained";
  if (use.gpu->fault) return name + " is out of service: " + use.gpu->fault->fault.detail;
  if (use.foreign > 0) return name + " is used by a container without a lease";
  return name + " is taken";
}

}  // namespace

// ---- the machine -----------------------------------------------------------------------------

void Room::set_gpus(std::vector<model::Gpu> gpus) {
  std::vector<GpuUse> uses;
  uses.reserve(gpus.size());
  for (const auto& gpu : gpus) {
    const auto* old = find(gpu.info.id);
    uses.push_back(old == nullptr ? GpuUse{} : *old);
  }
  gpus_ = std::move(gpus);
  uses_ = std::move(uses);
  by_id_.clear();
  free_.clear();
  reserved_.clear();
  size_ = 0;
  for (Place place = 0; place < uses_.size(); ++place) {
    GpuUse& use = uses_.at(place);
    use.gpu = &gpus_.at(place);
    use.reserved = 0;
    use.shut = avoid_foreign_ && use.foreign > 0;
    size_ += use.gpu->counts() ? 1 : 0;
    const bool fresh = by_id_.try_emplace(use.gpu->info.id, place).second;
    GPUHUB_ASSERT(fresh);
    enter(use);
  }
}

void Room::set_gpu(model::Gpu gpu) {
  const auto* known = by_id_.find(gpu.info.id);
  GPUHUB_ASSERT(known != nullptr);
  model::Gpu& old = gpus_.at(*known);
  leave(uses_.at(*known));
  size_ += (gpu.counts() ? 1 : 0) - (old.counts() ? 1 : 0);
  old = std::move(gpu);
  enter(uses_.at(*known));
}

const GpuUse* Room::find(const model::GpuId& id) const {
  const auto* found = by_id_.find(id);
  return found == nullptr ? nullptr : &uses_.at(*found);
}

// ---- what it carries -------------------------------------------------------------------------

GpuUse& Room::at(const model::GpuId& id) {
  const auto* found = by_id_.find(id);
  GPUHUB_ASSERT(found != nullptr);
  return uses_.at(*found);
}

void Room::enter(const GpuUse& use) {
  if (use.free_slots() == 0) return;
  free_.emplace(policy_.rank(use), static_cast<Place>(&use - uses_.data()));
}
void Room::leave(const GpuUse& use) {
  if (use.free_slots() == 0) return;
  free_.erase({policy_.rank(use), static_cast<Place>(&use - uses_.data())});
}
template <typename Change>
void Room::change(GpuUse& use, const Change& how) {
  if (use.free_slots() == 0) {
    how(use);
    return enter(use);
  }
  // The same node at its new place: nothing is allocated where a slot is left.
  const auto place = static_cast<Place>(&use - uses_.data());
  auto node = free_.extract({policy_.rank(use), place});
  how(use);
  if (use.free_slots() == 0) return;
  node.value() = {policy_.rank(use), place};
  free_.insert(std::move(node));
}

void Room::take(const model::GpuId& id, model::Mode mode) {
  change(at(id), [&](GpuUse& use) {
    ++use.leases;
    use.exclusive = use.exclusive || mode == model::Mode::exclusive;
  });
}

// Leases that share a GPU with an exclusive one are never ours (rebuilt ones after a lost store may
// be): then the flag stays until all are gone, which is the careful side.
void Room::give(const model::GpuId& id) {
  change(at(id), [&](GpuUse& use) {
    GPUHUB_ASSERT(use.leases > 0);
    if (--use.leases == 0) use.exclusive = false;
  });
}

void Room::add_conflict(const model::GpuId& id, int by) {
  change(at(id), [&](GpuUse& use) {
    use.conflicts += by;
    GPUHUB_ASSERT(use.conflicts >= 0);
  });
}

void Room::add_foreign(const model::GpuId& id, int by) {
  change(at(id), [&](GpuUse& use) {
    use.foreign += by;
    GPUHUB_ASSERT(use.foreign >= 0);
    // What was kept here for those who wait is set anew by the next look at them.
    if (avoid_foreign_) use.shut = use.foreign > 0;
  });
}

// ---- requests --------------------------------------------------------------------------------

Picked Room::by_count(int count, model::Mode mode) const {
  if (count > size_) {
    return never(std::format("{} GPUs were asked for; this machine has {}", count, size_));
  }
  std::vector<Place> places;
  for (const auto& [rank, place] : free_) {
    if (std::cmp_equal(places.size(), count)) break;
    if (uses_.at(place).has_room(mode)) places.push_back(place);
  }
  if (std::cmp_less(places.size(), count)) {
    return not_now(std::format("{} of {} GPUs {} free; {} asked for", places.size(), size_,
                               places.size() == 1 ? "is" : "are",
                               count == 1 ? std::string{"1 was"} : std::format("{} were", count)));
  }
  std::ranges::sort(places);
  std::vector<model::GpuId> ids;
  for (const Place place : places) ids.push_back(gpus_.at(place).info.id);
  return ids;
}

// All of exactly these, or nothing.
Picked Room::exactly(std::vector<const GpuUse*> wanted, model::Mode mode) const {
  std::ranges::sort(wanted);
  std::vector<model::GpuId> ids;
  for (const GpuUse* use : wanted) {
    if (!use->has_room(mode)) return not_now(why_closed(*use));
    ids.push_back(use->gpu->info.id);
  }
  return ids;
}

// The GPUs that `want` names: those by id, or all that are in service.
std::expected<std::vector<const GpuUse*>, NoPlacement> Room::named(const model::Want& want) const {
  std::vector<const GpuUse*> chosen;
  if (const auto* ids = std::get_if<model::WantGpus>(&want)) {
    for (const model::GpuId& id : ids->gpus) {
      const auto* use = find(id);
      if (use == nullptr || !use->gpu->counts()) {
        return never(std::format("there is no GPU {} here", id.str()));
      }
      if (std::ranges::contains(chosen, use)) {
        return never(std::format("{} is named twice", id.str()));
      }
      chosen.push_back(use);
    }
    return chosen;
  }
  for (const GpuUse& use : uses_) {
    if (use.gpu->in_service()) chosen.push_back(&use);
  }
  if (size_ == 0) return never("all GPUs were asked for; this machine has none");
  if (chosen.empty()) return not_now("all GPUs were asked for; none is in service");
  return chosen;
}

std::expected<model::Want, NoPlacement> Room::pin(const model::Want& want) const {
  const auto* positions = std::get_if<model::WantPositions>(&want);
  if (positions == nullptr) return want;
  model::WantGpus pinned;
  for (const int index : positions->indices) {
    const bool there = index >= 0 && std::cmp_less(index, gpus_.size()) &&
                       gpus_.at(static_cast<Place>(index)).present;
    if (!there) return never(std::format("there is no GPU at position {}", index));
    const auto& id = gpus_.at(static_cast<Place>(index)).info.id;
    if (std::ranges::contains(pinned.gpus, id)) {
      return never(std::format("position {} is named twice", index));
    }
    pinned.gpus.push_back(id);
  }
  return pinned;
}

Picked Room::place(const model::Want& want, model::Mode mode) const {
  if (std::holds_alternative<model::WantNone>(want)) return std::vector<model::GpuId>{};
  if (const auto* some = std::get_if<model::WantCount>(&want)) return by_count(some->count, mode);
  const auto pinned = pin(want);
  if (!pinned) return std::unexpected(pinned.error());
  return named(*pinned).and_then([&](auto found) { return exactly(std::move(found), mode); });
}

void Room::keep(GpuUse& use, model::Mode mode) {
  change(use, [&](GpuUse& kept) {
    if (mode == model::Mode::exclusive) {
      kept.shut = true;
    } else if (kept.free_slots() > 0) {
      ++kept.reserved;
    }
  });
  reserved_.insert(static_cast<Place>(&use - uses_.data()));
}

// Which places are kept: for named GPUs those; for a number of them first those with room, then,
// for a request that wants them alone, those with the fewest holders (the first on a tie). Nobody
// new gets onto a GPU that is kept alone, so its holders only become fewer and the choice comes to
// rest; so every such request starts once leases end. A shared request needs no more than to be
// first in line for the next slot that becomes free, which it is.
void Room::reserve(const model::Want& want, model::Mode mode) {
  const auto* some = std::get_if<model::WantCount>(&want);
  if (some == nullptr) {
    const auto chosen = named(want);
    if (!chosen) return;
    const auto could = [](const GpuUse* use) { return use->gpu->in_service(); };
    if (!std::ranges::all_of(*chosen, could)) return;
    for (const GpuUse* use : *chosen) keep(at(use->gpu->info.id), mode);
    return;
  }
  const auto in_service = std::ranges::count_if(
      gpus_, [](const model::Gpu& gpu) { return gpu.in_service(); });
  if (in_service < some->count) return;
  std::vector<std::pair<std::uint64_t, Place>> could;
  for (Place place = 0; place < uses_.size(); ++place) {
    const GpuUse& use = uses_.at(place);
    if (!use.gpu->in_service()) continue;
    if (use.shut && use.foreign == 0) continue;  // kept for somebody who came earlier
    const bool room = use.has_room(mode);
    if (!room && mode == model::Mode::shared) continue;
    const auto holders = static_cast<std::uint64_t>(use.taken() + use.foreign);
    could.emplace_back(room ? policy_.rank(use) : (std::uint64_t{1} << 32U) + holders, place);
  }
  if (mode == model::Mode::exclusive && std::cmp_less(could.size(), some->count)) return;
  std::ranges::sort(could);
  could.resize(std::min(could.size(), static_cast<std::size_t>(some->count)));
  for (const auto& [rank, place] : could) keep(uses_.at(place), mode);
}

void Room::clear_reserved() {
  for (const Place place : std::exchange(reserved_, {})) {
    change(uses_.at(place), [&](GpuUse& use) {
      use.reserved = 0;
      use.shut = avoid_foreign_ && use.foreign > 0;
    });
  }
}

}  // namespace gpuhub::policy
