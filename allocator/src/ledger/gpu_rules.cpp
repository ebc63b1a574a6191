// Inventory and settings of GPUs.
#include <algorithm>
#include <format>

#include "ledger/rules.hpp"
#include "model/assert.hpp"

namespace gpuhub::ledger {

// Slots: what an admin set, else the config's override, else the inventory's, else the default.
model::Gpu Ledger::Rules::with_settings(model::GpuInfo info, int index) const {
  model::Gpu gpu{.info = std::move(info), .index = index, .slots = settings.default_slots,
                 .label = {}, .present = true};
  if (gpu.info.slots) gpu.slots = *gpu.info.slots;
  for (const auto* source : {&settings.gpus, &books.settings}) {
    const auto at = source->find(gpu.info.id);
    if (at == source->end()) continue;
    if (at->second.slots) gpu.slots = *at->second.slots;
    if (at->second.label) gpu.label = *at->second.label;
  }
  GPUHUB_ASSERT(gpu.slots >= 1 && gpu.slots <= model::slots_max);
  return gpu;
}

// A GPU that is held stays in the books, as missing, when the inventory no longer has it.
void Ledger::Rules::take_inventory(const std::vector<model::GpuInfo>& infos) {
  std::vector<model::Gpu> gpus;
  gpus.reserve(infos.size());
  const auto known = [&](const model::GpuId& id) {
    return std::ranges::contains(gpus, id, [](const model::Gpu& g) { return g.info.id; });
  };
  const auto keep_missing = [&](model::GpuInfo info) {
    auto gpu = with_settings(std::move(info), static_cast<int>(gpus.size()));
    gpu.present = false;
    gpus.push_back(std::move(gpu));
  };
  for (const auto& info : infos) gpus.push_back(with_settings(info, static_cast<int>(gpus.size())));
  for (const model::Gpu& old : books.gpus) {
    if (!known(old.info.id) && books.held(old.info.id)) keep_missing(old.info);
  }
  const auto keep_held = [&](const std::vector<model::GpuId>& ids) {
    for (const auto& id : ids) {
      if (known(id)) continue;
      keep_missing({.id = id, .model = {}, .memory = {}, .minor = {}, .pci_bus = {}, .devices = {},
                    .mounts = {}, .slots = {}});
    }
  };
  for (const auto* lease : books.all()) {
    if (lease->live()) keep_held(lease->gpus);
  }
  for (const auto& [id, conflict] : books.conflicts) keep_held(conflict.gpus);
  books.gpus = std::move(gpus);
}

Outcome Ledger::Rules::operator()(const SetInventory& inventory) {
  take_inventory(inventory.gpus);
  return Applied{};
}

Outcome Ledger::Rules::operator()(const PutListed& listed) {
  take_inventory(listed.gpus);
  Applied done;
  done.events.emplace_back(model::ListedInventory{listed.gpus});
  return done;
}

Outcome Ledger::Rules::operator()(const SetGpu& set) {
  model::Gpu* gpu = books.gpu(set.setting.gpu);
  if (gpu == nullptr) {
    return std::unexpected(Refusal{
        Reason::unknown_gpu, std::format("there is no GPU {} here", set.setting.gpu.str()), {}});
  }
  auto& stored = books.settings.try_emplace(set.setting.gpu, model::GpuSetting{set.setting.gpu, {}, {}})
                     .first->second;
  if (set.setting.slots) stored.slots = set.setting.slots;
  if (set.setting.label) stored.label = set.setting.label;
  const bool present = gpu->present;
  *gpu = with_settings(gpu->info, gpu->index);
  gpu->present = present;
  Applied done;
  done.events.emplace_back(stored);
  return done;
}

}  // namespace gpuhub::ledger
