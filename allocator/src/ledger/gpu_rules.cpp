// The machine's GPUs: inventory, settings, faults.
#include <algorithm>
#include <format>

#include "ledger/rules.hpp"
#include "model/assert.hpp"

namespace gpuhub::ledger {
namespace {

model::GpuInfo unknown_gpu(const model::GpuId& id) {
  return {.id = id, .model = {}, .memory = {}, .minor = {}, .pci_bus = {}, .devices = {},
          .mounts = {}, .slots = {}};
}

}  // namespace

// Slots: what an admin set, else the config's override, else the inventory's, else the default.
model::Gpu Ledger::Rules::with_settings(model::GpuInfo info, int index) const {
  model::Gpu gpu{.info = std::move(info), .index = index, .slots = settings.default_slots,
                 .label = {}, .present = true, .drained = false, .fault = {}};
  if (gpu.info.slots) gpu.slots = *gpu.info.slots;
  for (const auto* source : {&settings.gpus, &books.settings}) {
    const auto at = source->find(gpu.info.id);
    if (at == source->end()) continue;
    if (at->second.slots) gpu.slots = *at->second.slots;
    if (at->second.label) gpu.label = *at->second.label;
    if (at->second.drained) gpu.drained = *at->second.drained;
  }
  if (const auto at = books.faults.find(gpu.info.id); at != books.faults.end()) {
    gpu.fault = at->second;
  }
  GPUHUB_ASSERT(gpu.slots >= 1 && gpu.slots <= model::slots_max);
  return gpu;
}

void Ledger::Rules::know(const std::vector<model::GpuId>& ids) {
  std::vector<model::Gpu> gpus;
  for (const auto& id : std::set(ids.begin(), ids.end())) {
    if (books.room.find(id) != nullptr) continue;
    auto gpu = with_settings(unknown_gpu(id), 0);
    gpu.present = false;
    gpus.push_back(std::move(gpu));
  }
  if (gpus.empty()) return;
  std::vector<model::Gpu> all;
  for (const auto& use : books.room.gpus()) all.push_back(*use.gpu);
  for (auto& gpu : gpus) {
    gpu.index = static_cast<int>(all.size());
    all.push_back(std::move(gpu));
  }
  books.room.set_gpus(std::move(all));
  room_changed = true;
}

void Ledger::Rules::take_inventory(const std::vector<model::GpuInfo>& infos) {
  // What others use is understood anew with the new machine.
  const auto foreign = books.foreign();
  for (const auto& [id, one] : foreign) books.remove_foreign(id);

  std::vector<model::Gpu> gpus;
  std::set<model::GpuId> known;
  const auto add = [&](model::GpuInfo info, bool present) {
    if (!known.insert(info.id).second) return;
    gpus.push_back(with_settings(std::move(info), static_cast<int>(gpus.size())));
    gpus.back().present = present;
  };
  for (const auto& info : infos) add(info, true);
  for (const auto& use : books.room.gpus()) {
    const auto& info = use.gpu->info;
    if (books.held(info.id) || books.faults.contains(info.id)) add(info, false);
  }
  for (const auto& [id, fault] : books.faults) add(unknown_gpu(id), false);
  books.room.set_gpus(std::move(gpus));

  for (auto [id, one] : foreign) {
    one.gpus = resolve(one.claim);
    books.put(one);
  }
  room_changed = true;
}

// One that was there and is not any more is faulty until it is back and quiet; the daemon has ruled
// out before this that all are gone at once, which is the library's fault.
void Ledger::Rules::note_vanished(const std::vector<model::GpuInfo>& now_there, Applied& into) {
  std::set<model::GpuId> there;
  for (const auto& info : now_there) there.insert(info.id);
  std::vector<model::GpuId> gone, back;
  for (const auto& use : books.room.gpus()) {
    const auto& id = use.gpu->info.id;
    if (use.gpu->present && !there.contains(id)) gone.push_back(id);
    // One that vanished; one that was faulty before a restart has not been away.
    if (use.gpu->fault && !use.gpu->fault->clears_at && there.contains(id)) back.push_back(id);
  }
  for (const auto& id : gone) {
    const auto old = books.faults.find(id);
    const auto since = old == books.faults.end() ? now.wall : old->second.since;
    set_fault(id, {.fault = {model::FaultKind::vanished, {}, "it is not in the inventory any more"},
                   .since = since, .clears_at = {}}, into);
  }
  for (const auto& id : back) {
    auto state = books.faults.at(id);
    state.clears_at = now.at + settings.fault_quiet;
    set_fault(id, std::move(state), into);
  }
}

Outcome Ledger::Rules::operator()(const SetInventory& inventory) {
  Applied done;
  note_vanished(inventory.gpus, done);
  take_inventory(inventory.gpus);
  return done;
}

Outcome Ledger::Rules::operator()(const PutListed& listed) {
  Applied done;
  std::vector<model::GpuId> dropped;  // by the admin's own will: not worth a word
  for (const auto& [id, state] : books.faults) {
    if (!std::ranges::contains(listed.gpus, id, &model::GpuInfo::id)) dropped.push_back(id);
  }
  for (const auto& id : dropped) {
    books.faults.erase(id);
    done.events.emplace_back(model::FaultCleared{id});
  }
  take_inventory(listed.gpus);
  done.events.emplace_back(model::ListedInventory{listed.gpus});
  return done;
}

Outcome Ledger::Rules::operator()(const SetGpu& set) {
  const auto* use = books.room.find(set.setting.gpu);
  if (use == nullptr) {
    return refuse(Reason::unknown_gpu, std::format("there is no GPU {} here", set.setting.gpu.str()));
  }
  auto& stored =
      books.settings.try_emplace(set.setting.gpu, model::GpuSetting{set.setting.gpu, {}, {}, {}})
          .first->second;
  if (set.setting.slots) stored.slots = set.setting.slots;
  if (set.setting.label) stored.label = set.setting.label;
  if (set.setting.drained) stored.drained = set.setting.drained;
  auto gpu = with_settings(use->gpu->info, use->gpu->index);
  gpu.present = use->gpu->present;
  books.room.set_gpu(std::move(gpu));
  room_changed = true;
  Applied done;
  done.events.emplace_back(stored);
  return done;
}

// ---- faults ----------------------------------------------------------------------------------

void Ledger::Rules::set_fault(const model::GpuId& id, model::FaultState state, Applied& into) {
  books.faults.insert_or_assign(id, state);
  into.events.emplace_back(model::GpuFaulty{id, state});
  auto gpu = *books.room.find(id)->gpu;
  gpu.fault = std::move(state);
  books.room.set_gpu(std::move(gpu));
  room_changed = true;
}

void Ledger::Rules::clear_fault(const model::GpuId& id, Applied& into) {
  books.faults.erase(id);
  into.events.emplace_back(model::FaultCleared{id});
  auto gpu = *books.room.find(id)->gpu;
  gpu.fault.reset();
  const bool forget = !gpu.present && !books.held(id);
  books.room.set_gpu(std::move(gpu));
  room_changed = true;
  if (!forget) return;
  std::vector<model::Gpu> rest;
  for (const auto& use : books.room.gpus()) {
    if (use.gpu->info.id == id) continue;
    rest.push_back(*use.gpu);
    rest.back().index = static_cast<int>(rest.size()) - 1;
  }
  for (const auto& [container, one] : books.foreign()) {
    GPUHUB_ASSERT(!std::ranges::contains(one.gpus, id));  // only of GPUs that are there
  }
  books.room.set_gpus(std::move(rest));
}

// The quiet time begins anew with each fault. One that repeats itself all the time, as a lost GPU
// does, is stored again only when that moves the end by a tenth of the quiet time.
Outcome Ledger::Rules::operator()(const GpuFaulted& faulted) {
  Applied done;
  const auto* use = books.room.find(faulted.gpu);
  if (use == nullptr) return done;
  const auto old = books.faults.find(faulted.gpu);
  const auto clears_at = now.at + settings.fault_quiet;
  auto since = now.wall;
  if (old != books.faults.end()) {
    since = old->second.since;
    if (!use->gpu->present) return done;  // away: that says it all
    const bool same = old->second.fault == faulted.fault && old->second.clears_at;
    if (same && clears_at - *old->second.clears_at < settings.fault_quiet / 10) return done;
  }
  if (!use->gpu->present) return done;
  set_fault(faulted.gpu, {.fault = faulted.fault, .since = since, .clears_at = clears_at}, done);
  return done;
}

Outcome Ledger::Rules::operator()(const ClearFault& clear) {
  if (books.room.find(clear.gpu) == nullptr) {
    return refuse(Reason::unknown_gpu, std::format("there is no GPU {} here", clear.gpu.str()));
  }
  Applied done;
  if (books.faults.contains(clear.gpu)) clear_fault(clear.gpu, done);
  return done;
}

Outcome Ledger::Rules::operator()(const SetGranting& change) {
  if (granting != change.on) room_changed = true;
  granting = change.on;
  return Applied{};
}

}  // namespace gpuhub::ledger
