#include "policy/least_used.hpp"

#include <algorithm>
#include <format>
#include <set>

namespace gpuhub::policy {
namespace {

using Picked = std::expected<std::vector<model::GpuId>, NoPlacement>;
using Chosen = std::expected<std::vector<const GpuUse*>, NoPlacement>;

std::unexpected<NoPlacement> never(std::string detail) {
  return std::unexpected(NoPlacement{WhyNot::never, std::move(detail)});
}
std::unexpected<NoPlacement> not_now(std::string detail) {
  return std::unexpected(NoPlacement{WhyNot::not_now, std::move(detail)});
}

// Could this GPU take one more lease of this mode now?
bool has_room(const GpuUse& use, model::Mode mode) {
  if (mode == model::Mode::shared) return use.free_slots() > 0;
  return use.gpu->present && use.leases == 0 && use.conflicts == 0;
}

// Lower use per slot first: a/m < b/n without fractions. Both have slots >= 1.
bool less_used(const GpuUse* a, const GpuUse* b) {
  return (a->leases + a->conflicts) * b->gpu->slots < (b->leases + b->conflicts) * a->gpu->slots;
}

std::vector<const GpuUse*> present_ones(std::span<const GpuUse> gpus) {
  std::vector<const GpuUse*> found;
  for (const GpuUse& use : gpus) {
    if (use.gpu->present) found.push_back(&use);
  }
  return found;
}

Picked by_count(std::span<const GpuUse> gpus, int count, model::Mode mode) {
  const auto present = present_ones(gpus);
  if (std::cmp_greater(count, present.size())) {
    return never(std::format("{} GPUs were asked for; this machine has {}", count, present.size()));
  }
  std::vector<const GpuUse*> free;
  std::ranges::copy_if(present, std::back_inserter(free),
                       [&](const GpuUse* use) { return has_room(*use, mode); });
  if (std::cmp_less(free.size(), count)) {
    return not_now(std::format("{} of {} GPUs {} free; {} asked for", free.size(), present.size(),
                               free.size() == 1 ? "is" : "are",
                               count == 1 ? std::string{"1 was"} : std::format("{} were", count)));
  }
  std::ranges::stable_sort(free, less_used);
  free.resize(static_cast<std::size_t>(count));
  std::ranges::sort(free, {}, [](const GpuUse* use) { return use->gpu->index; });
  std::vector<model::GpuId> ids;
  for (const GpuUse* use : free) ids.push_back(use->gpu->info.id);
  return ids;
}

// All of exactly these, or nothing.
Picked exactly(std::vector<const GpuUse*> wanted, model::Mode mode) {
  std::ranges::sort(wanted, {}, [](const GpuUse* use) { return use->gpu->index; });
  std::vector<model::GpuId> ids;
  for (const GpuUse* use : wanted) {
    if (!has_room(*use, mode)) {
      return not_now(std::format("GPU {} ({}) is taken", use->gpu->index, use->gpu->info.id.str()));
    }
    ids.push_back(use->gpu->info.id);
  }
  return ids;
}

Chosen find_ids(std::span<const GpuUse> gpus, const std::vector<model::GpuId>& wanted) {
  std::vector<const GpuUse*> chosen;
  for (const model::GpuId& id : wanted) {
    const auto at = std::ranges::find_if(
        gpus, [&](const GpuUse& use) { return use.gpu->present && use.gpu->info.id == id; });
    if (at == gpus.end()) return never(std::format("there is no GPU {} here", id.str()));
    if (std::ranges::contains(chosen, &*at)) return never(std::format("{} is named twice", id.str()));
    chosen.push_back(&*at);
  }
  return chosen;
}

Chosen find_positions(std::span<const GpuUse> gpus, const std::vector<int>& wanted) {
  std::vector<const GpuUse*> chosen;
  for (const int index : wanted) {
    const auto at = std::ranges::find_if(
        gpus, [&](const GpuUse& use) { return use.gpu->present && use.gpu->index == index; });
    if (at == gpus.end()) return never(std::format("there is no GPU at position {}", index));
    if (std::ranges::contains(chosen, &*at)) {
      return never(std::format("position {} is named twice", index));
    }
    chosen.push_back(&*at);
  }
  return chosen;
}

struct Pick {
  std::span<const GpuUse> gpus;
  model::Mode mode;

  Picked operator()(const model::WantNone&) const { return std::vector<model::GpuId>{}; }
  Picked operator()(const model::WantCount& want) const { return by_count(gpus, want.count, mode); }
  Picked operator()(const model::WantAll&) const {
    const auto all = present_ones(gpus);
    if (all.empty()) return never("all GPUs were asked for; this machine has none");
    return exactly(all, mode);
  }
  Picked operator()(const model::WantGpus& want) const {
    return find_ids(gpus, want.gpus).and_then([&](auto found) { return exactly(found, mode); });
  }
  Picked operator()(const model::WantPositions& want) const {
    return find_positions(gpus, want.indices).and_then([&](auto found) {
      return exactly(found, mode);
    });
  }
};

}  // namespace

Picked LeastUsed::pick(std::span<const GpuUse> gpus, const model::Want& want,
                       model::Mode mode) const {
  return std::visit(Pick{gpus, mode}, want);
}

}  // namespace gpuhub::policy
