#include "inventory/nvml_activity.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace gpuhub::inventory {
namespace {

using model::GpuActivity;
using model::GpuProcess;
using model::ProcessKind;

constexpr std::uint64_t kMib = 1024 * 1024;
constexpr std::uint64_t kMemoryMaxBytes = std::uint64_t{64} << 40U;  // no card has 64 TiB
constexpr std::uint64_t first_look_us = 2'000'000;  // how far the first one looks back
constexpr std::uint64_t hold_us = 2'000'000;  // drivers have a new sample each second or sooner
constexpr std::uint64_t ahead_us = 60'000'000;      // a sample's stamp cannot be more in the future

std::optional<model::Mebibytes> memory_of(const NvmlProcess& process) {
  if (!process.memory_bytes || *process.memory_bytes > kMemoryMaxBytes) return std::nullopt;
  return model::Mebibytes{static_cast<std::int64_t>(*process.memory_bytes / kMib)};
}

// One that computes and draws stands in two lists, with the same memory in both.
void add(std::vector<GpuProcess>& to, const NvmlProcess& process, ProcessKind kind) {
  const auto memory = memory_of(process);
  const auto known = std::ranges::find_if(to, [&](const GpuProcess& one) {
    return one.pid == process.pid && one.instance == process.instance;
  });
  if (known == to.end()) {
    to.push_back({.pid = process.pid, .kind = kind, .memory = memory, .sm_percent = {},
                  .instance = process.instance});
  } else {
    known->memory = std::max(known->memory, memory);
  }
}

// One that no list has, though it did something, has ended since, or does what no list is about.
void place(std::uint32_t pid, int percent, bool news, std::vector<GpuProcess>& into) {
  bool listed = false;
  for (auto& process : into) {
    if (process.pid != pid) continue;
    listed = true;
    process.sm_percent = percent;
  }
  if (listed || !news || percent == 0 || into.size() >= model::gpu_processes_max) return;
  into.push_back({.pid = pid, .kind = ProcessKind::compute, .memory = {}, .sm_percent = percent,
                  .instance = {}});
}

}  // namespace

NvmlResult<GpuActivity> NvmlActivity::read(const NvmlLibrary& library, NvmlLibrary::Device device,
                                           const model::GpuId& gpu, std::uint64_t now_us) {
  GpuActivity out;
  const auto mig = library.mig(device);
  if (!mig && !mig.error().unsupported()) return std::unexpected(mig.error());
  out.mig = mig.value_or(false);
  for (const auto kind : {ProcessKind::compute, ProcessKind::graphics, ProcessKind::mps}) {
    const auto listed = library.processes(device, kind);
    if (!listed) {
      if (listed.error().unsupported()) continue;
      return std::unexpected(listed.error());
    }
    // Without the list of those that compute nobody knows who does.
    if (kind == ProcessKind::compute) out.processes.emplace();
    if (!out.processes) continue;
    for (const auto& process : *listed) add(*out.processes, process, kind);
  }
  if (!out.mig && out.processes) add_samples(library, device, gpu, now_us, out);
  return out;
}

// A sample that is not new, or of a time that cannot be, says nothing; one whose value cannot be
// makes all of them worthless for this time: then what the whole GPU did must do.
void NvmlActivity::add_samples(const NvmlLibrary& library, NvmlLibrary::Device device,
                               const model::GpuId& gpu, std::uint64_t now_us, GpuActivity& into) {
  const Told before{.until = now_us - std::min(now_us, first_look_us)};
  auto& told = told_.try_emplace(gpu, before).first->second;
  told.until = std::min(told.until, now_us);  // the wall's clock may have been set back
  const auto samples = library.process_samples(device, told.until);
  if (!samples) return;
  Told fresh{.until = told.until};
  for (const auto& sample : *samples) {
    if (sample.stamp_us <= told.until) continue;
    if (sample.stamp_us > now_us + ahead_us || sample.sm_percent > 100) return;
    fresh.until = std::max(fresh.until, sample.stamp_us);
    auto& percent = fresh.percents[sample.pid];
    percent = std::max(percent, static_cast<int>(sample.sm_percent));
  }
  into.by_process = true;
  const bool news = !fresh.percents.empty();
  if (news) {
    told = std::move(fresh);
  } else if (now_us - told.until > hold_us) {
    return;
  }
  for (const auto& [pid, percent] : told.percents) place(pid, percent, news, *into.processes);
}

}  // namespace gpuhub::inventory
