#include "policy/least_used.hpp"

#include <cstdint>
#include <format>
#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace gpuhub::policy {
namespace {
using model::GpuId;
using model::Mode;
using Picked = std::expected<std::vector<GpuId>, NoPlacement>;

std::unexpected<NoPlacement> never(std::string detail) {
  return std::unexpected(NoPlacement{WhyNot::never, std::move(detail)});
}
std::unexpected<NoPlacement> not_now(std::string detail) {
  return std::unexpected(NoPlacement{WhyNot::not_now, std::move(detail)});
}

bool fits(const GpuUse& use, Mode mode) {
  if (use.free_slots() == 0) return false;
  return mode == Mode::shared || use.holders() == 0;
}

// Holders per slot as a fraction, compared without division.
bool less_used(const GpuUse& a, const GpuUse& b) {
  return std::int64_t{a.holders()} * b.gpu->slots < std::int64_t{b.holders()} * a.gpu->slots;
}

std::string plural(std::size_t n, std::string_view noun) {
  return std::format("{} {}{}", n, noun, n == 1 ? "" : "s");
}

// Why this one GPU cannot be had now.
std::string in_the_way(const GpuUse& use, Mode mode) {
  const auto& gpu = *use.gpu;
  if (!gpu.present) return std::format("GPU {} ({}) is missing now", gpu.index, gpu.info.id.str());
  const std::string_view wanted = mode == Mode::exclusive ? " and it is wanted alone" : "";
  return std::format("GPU {} ({}) is held by {} of {}{}", gpu.index, gpu.info.id.str(),
                     use.holders(), plural(static_cast<std::size_t>(gpu.slots), "slot"),
                     use.exclusive ? ", exclusively" : wanted);
}

Picked in_index_order(std::vector<const GpuUse*> picked) {
  std::ranges::sort(picked, {}, [](const GpuUse* use) { return use->gpu->index; });
  std::vector<GpuId> ids;
  ids.reserve(picked.size());
  for (const GpuUse* use : picked) ids.push_back(use->gpu->info.id);
  return ids;
}

Picked all_of(const std::vector<const GpuUse*>& wanted, Mode mode) {
  for (const GpuUse* use : wanted) {
    if (!fits(*use, mode)) return not_now(in_the_way(*use, mode) + ".");
  }
  return in_index_order(wanted);
}

Picked pick_count(std::span<const GpuUse> gpus, int count, Mode mode) {
  const auto wanted = static_cast<std::size_t>(std::max(count, 0));
  if (wanted == 0) return never("At least one GPU must be asked for, or none by name.");
  if (gpus.empty()) return never("This host has no GPUs.");
  if (wanted > gpus.size()) {
    return never(std::format("{} asked for, but this host has {}.", plural(wanted, "GPU"),
                             plural(gpus.size(), "GPU")));
  }
  std::vector<const GpuUse*> free;
  for (const GpuUse& use : gpus) {
    if (fits(use, mode)) free.push_back(&use);
  }
  if (free.size() < wanted) {
    const std::string_view how = mode == Mode::exclusive ? "empty" : "free";
    return not_now(free.empty()
                       ? std::format("None of the {} is {} now.", plural(gpus.size(), "GPU"), how)
                       : std::format("{} asked for, {} {} now.", plural(wanted, "GPU"),
                                     free.size(), how));
  }
  const auto end = free.begin() + static_cast<std::ptrdiff_t>(wanted);
  std::ranges::partial_sort(free, end, [](const GpuUse* a, const GpuUse* b) {
    if (less_used(*a, *b)) return true;
    if (less_used(*b, *a)) return false;
    return a->gpu->index < b->gpu->index;
  });
  free.erase(end, free.end());
  return in_index_order(std::move(free));
}

Picked pick_named(std::span<const GpuUse> gpus, const std::vector<GpuId>& names, Mode mode) {
  if (names.empty()) return never("The list of GPUs is empty.");
  std::map<GpuId, const GpuUse*> known;
  for (const GpuUse& use : gpus) known.emplace(use.gpu->info.id, &use);
  std::vector<const GpuUse*> wanted;
  std::set<GpuId> seen;
  for (const GpuId& name : names) {
    const auto at = known.find(name);
    if (at == known.end()) return never(std::format("This host has no GPU {}.", name.str()));
    if (!seen.insert(name).second) return never(std::format("GPU {} is named twice.", name.str()));
    wanted.push_back(at->second);
  }
  return all_of(wanted, mode);
}

Picked pick_positions(std::span<const GpuUse> gpus, const std::vector<int>& indices, Mode mode) {
  if (indices.empty()) return never("The list of GPUs is empty.");
  std::vector<const GpuUse*> wanted;
  std::set<int> seen;
  for (const int index : indices) {
    const auto at = std::ranges::find(gpus, index, [](const GpuUse& u) { return u.gpu->index; });
    if (at == gpus.end()) {
      return never(std::format("This host has no GPU {}; it has {}, counted from 0.", index,
                               plural(gpus.size(), "GPU")));
    }
    if (!seen.insert(index).second) return never(std::format("GPU {} is named twice.", index));
    wanted.push_back(&*at);
  }
  return all_of(wanted, mode);
}

Picked pick_all(std::span<const GpuUse> gpus, Mode mode) {
  if (gpus.empty()) return never("This host has no GPUs.");
  std::vector<const GpuUse*> wanted;
  for (const GpuUse& use : gpus) {
    if (use.gpu->present) wanted.push_back(&use);
  }
  if (wanted.empty()) return not_now("All GPUs of this host are missing now.");
  return all_of(wanted, mode);
}

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};
}  // namespace

Picked LeastUsed::pick(std::span<const GpuUse> gpus, const model::Want& want, Mode mode) const {
  return std::visit(
      Overloaded{
          [&](const model::WantCount& w) { return pick_count(gpus, w.count, mode); },
          [&](const model::WantGpus& w) { return pick_named(gpus, w.gpus, mode); },
          [&](const model::WantPositions& w) { return pick_positions(gpus, w.indices, mode); },
          [&](const model::WantAll&) { return pick_all(gpus, mode); },
          [](const model::WantNone&) { return Picked{std::vector<GpuId>{}}; }},
      want);
}

}  // namespace gpuhub::policy
