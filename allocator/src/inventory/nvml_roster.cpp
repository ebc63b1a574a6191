#include "inventory/nvml_roster.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "inventory/nvml_library.hpp"

namespace gpuhub::inventory {
namespace {

constexpr std::size_t entries_max = 256;  // a library that shows new GPUs each time ends here
constexpr std::size_t detail_max = 200;

}  // namespace

void NvmlRoster::begin() {
  for (Entry& one : entries_) one.seen = false;
}

void NvmlRoster::here(model::GpuInfo info, unsigned index, void* device) {
  for (Entry& one : entries_) {
    if (one.device == device) one.device = nullptr;  // NVML has given it to another GPU
  }
  Entry fresh{.info = std::move(info), .index = index, .device = device, .seen = true};
  if (Entry* known = entry(fresh.info.id); known != nullptr) {
    *known = std::move(fresh);
  } else {
    entries_.push_back(std::move(fresh));
  }
}

void NvmlRoster::lost(const model::GpuId& gpu, unsigned index, std::string why) {
  Entry* known = entry(gpu);
  if (known == nullptr) return;
  known->index = index;
  known->seen = true;
  known->state = State::lost;
  known->why = std::move(why);
  known->untold = true;
}

void NvmlRoster::end() {
  for (Entry& one : entries_) {
    if (one.seen) continue;
    one.state = State::missing;
    one.device = nullptr;
    one.untold = false;
  }
  std::ranges::stable_sort(entries_, {}, [](const Entry& one) {
    return std::tuple(one.state == State::missing, one.index);
  });
  if (entries_.size() > entries_max) {
    entries_.erase(entries_.begin() + entries_max, entries_.end());
  }
}

void NvmlRoster::found_lost(const model::GpuId& gpu, std::string why) {
  Entry* known = entry(gpu);
  if (known == nullptr || known->state == State::missing) return;
  lost(gpu, known->index, std::move(why));
}

void NvmlRoster::forget_handles() {
  for (Entry& one : entries_) one.device = nullptr;
}

const NvmlRoster::Entry* NvmlRoster::find(const model::GpuId& gpu) const {
  const auto found = std::ranges::find(entries_, gpu, [](const Entry& one) { return one.info.id; });
  return found == entries_.end() ? nullptr : &*found;
}

const NvmlRoster::Entry* NvmlRoster::by_device(const void* device) const {
  const auto found = std::ranges::find(entries_, device, &Entry::device);
  return device == nullptr || found == entries_.end() ? nullptr : &*found;
}

std::vector<model::GpuInfo> NvmlRoster::counted() const {
  std::vector<model::GpuInfo> out;
  for (const Entry& one : entries_) {
    if (one.state != State::missing) out.push_back(one.info);
  }
  return out;
}

std::vector<void*> NvmlRoster::devices_here() const {
  std::vector<void*> out;
  for (const Entry& one : entries_) {
    if (one.state == State::here && one.device != nullptr) out.push_back(one.device);
  }
  return out;
}

bool NvmlRoster::all_lost() const {
  const auto here = std::ranges::count(entries_, State::here, &Entry::state);
  const auto lost = std::ranges::count(entries_, State::lost, &Entry::state);
  return here == 0 && lost > 1;
}

bool NvmlRoster::troubled() const {
  return std::ranges::any_of(entries_, [](const Entry& one) { return one.state != State::here; });
}

Faults NvmlRoster::take_lost() {
  Faults out;
  if (all_lost()) return out;
  for (Entry& one : entries_) {
    if (!std::exchange(one.untold, false)) continue;
    out.emplace_back(one.info.id, model::GpuFault{.kind = model::FaultKind::lost,
                                                  .xid = {},
                                                  .detail = clean_text(one.why, detail_max)});
  }
  return out;
}

NvmlRoster::Entry* NvmlRoster::entry(const model::GpuId& gpu) {
  const auto found = std::ranges::find(entries_, gpu, [](const Entry& one) { return one.info.id; });
  return found == entries_.end() ? nullptr : &*found;
}

}  // namespace gpuhub::inventory
