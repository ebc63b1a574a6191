// [gpus] and [simulation].
#include <array>
#include <format>
#include <set>

#include "config/places.hpp"
#include "config/rules.hpp"
#include "config/sections.hpp"

namespace gpuhub::config {
namespace {
using model::GpuId;

constexpr std::array<std::pair<std::string_view, Source>, 2> source_names{
    {{"nvml", Source::nvml}, {"listed", Source::listed}}};
constexpr std::array<std::pair<std::string_view, Driver>, 4> driver_names{
    {{"auto", Driver::automatic},
     {"cdi", Driver::cdi},
     {"nvidia", Driver::nvidia},
     {"devices", Driver::devices}}};
constexpr std::array<std::pair<std::string_view, ForeignUse>, 2> foreign_names{
    {{"avoid", ForeignUse::avoid}, {"count", ForeignUse::count}}};
constexpr std::array<std::pair<std::string_view, std::string_view>, 1> policy_names{
    {{"least_used", "least_used"}}};
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> simulated_names{
    {{"A100-40G", "A100-40G"}, {"H100-80G", "H100-80G"}, {"RTX-4090", "RTX-4090"}}};

// The table's uuid, if it is there, good and not in `seen` yet.
std::optional<GpuId> read_uuid(Table& table, std::set<std::string>& seen) {
  const auto uuid = table.text("uuid", rules::gpu_id);
  table.required("uuid", std::string{rules::gpu_id.allowed});
  if (!uuid) return std::nullopt;
  if (!seen.insert(*uuid).second) {
    table.fault("uuid", std::format("\"{}\" stands here a second time", *uuid),
                "each UUID once");
    return std::nullopt;
  }
  return GpuId::parse(*uuid);
}

void read_override(Table& table, Gpus& gpus, std::set<std::string>& seen) {
  const auto uuid = read_uuid(table, seen);
  auto slots = table.integer("slots", 1, model::slots_max);
  auto label = table.text("label", rules::label);
  if (uuid) gpus.overrides.push_back({*uuid, slots, std::move(label), {}});
}

void read_listed(Table& table, Gpus& gpus, std::set<std::string>& seen) {
  const auto uuid = read_uuid(table, seen);
  const auto model = table.text("model", rules::gpu_model);
  const auto memory = table.integer("memory_mib", 0, 16 * 1024 * 1024);
  const auto devices = table.texts("devices", rules::device);
  const auto mounts = table.texts("mounts", rules::mount);
  const auto slots = table.integer("slots", 1, model::slots_max);
  if (!uuid) return;
  model::GpuInfo gpu{.id = *uuid,
                     .model = model.value_or("GPU"),
                     .memory = {memory.value_or(0)},
                     .minor = std::nullopt,
                     .pci_bus = {},
                     .devices = {},
                     .mounts = {},
                     .slots = slots};
  if (devices) gpu.devices = device_nodes(*devices);
  if (mounts) gpu.mounts = bind_mounts(*mounts);
  if (gpus.driver == Driver::devices && !table.has("devices")) {
    table.fault("devices", "missing, though gpus.driver is \"devices\"",
                std::string{rules::device.allowed});
  }
  if (gpus.driver == Driver::nvidia && !uuid->str().starts_with("GPU-") &&
      !uuid->str().starts_with("MIG-")) {
    table.fault("uuid", std::format("\"{}\" is no GPU that driver \"nvidia\" knows", uuid->str()),
                "a UUID that begins with GPU- or MIG-, or another gpus.driver");
  }
  gpus.listed.push_back(std::move(gpu));
}

}  // namespace

Gpus read_gpus(Table table, bool simulated) {
  Gpus gpus;
  take(gpus.source, table.choice<Source>("source", source_names));
  take(gpus.policy, table.choice<std::string_view>("policy", policy_names));
  take(gpus.slots, table.integer("slots", 1, model::slots_max));
  take(gpus.driver, table.choice<Driver>("driver", driver_names));
  take(gpus.capabilities, table.texts("capabilities", rules::capability));
  take(gpus.foreign, table.choice<ForeignUse>("foreign", foreign_names));
  take(gpus.watchers, table.texts("watchers", rules::watcher));
  take(gpus.fault_quiet, table.duration("fault_quiet", "1s", "30d"));
  take(gpus.ignore_xids, table.integers("ignore_xids", 1, 100'000));
  std::set<std::string> overridden, listed;
  table.tables("override", [&](Table& one) { read_override(one, gpus, overridden); });
  table.tables("listed", [&](Table& one) { read_listed(one, gpus, listed); });
  if (gpus.source == Source::nvml && !gpus.listed.empty()) {
    table.fault("listed", "GPUs are listed, but gpus.source is \"nvml\"",
                "source = \"listed\", or no [[gpus.listed]]");
  }
  if (gpus.source == Source::listed && simulated) {
    table.fault("source", "[simulation] needs the NVML source",
                "source = \"nvml\", or no [simulation]");
  }
  if (gpus.listed.size() > listed_max) {
    table.fault("listed", "too many GPUs", std::format("up to {}", listed_max));
  }
  table.finish();
  return gpus;
}

Simulation read_simulation(Table table) {
  Simulation simulation;
  take(simulation.gpus, table.integer("gpus", 1, 16));
  take(simulation.model, table.choice<std::string_view>("model", simulated_names));
  table.finish();
  return simulation;
}

}  // namespace gpuhub::config
