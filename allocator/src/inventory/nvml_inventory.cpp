#include "inventory/nvml_inventory.hpp"

#include <algorithm>
#include <cstdint>
#include <format>
#include <set>
#include <utility>

#include "inventory/nvml_activity.hpp"
#include "inventory/nvml_events.hpp"
#include "inventory/nvml_library.hpp"
#include "inventory/nvml_reading.hpp"
#include "inventory/nvml_roster.hpp"
#include "inventory/xid.hpp"

namespace gpuhub::inventory {
namespace {

using model::GpuId;
using model::GpuInfo;
using model::GpuLoad;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::optional<int> percent(unsigned value) {
  if (value > 100) return std::nullopt;
  return static_cast<int>(value);
}

class NvmlInventory final : public Inventory {
 public:
  explicit NvmlInventory(NvmlOptions options)
      : options_(std::move(options)), reopen_wait_(options_.reopen_first) {}

  std::expected<std::vector<GpuInfo>, Error> gpus() override;
  std::expected<GpuLoad, Error> load(const GpuId& gpu) override;
  std::expected<model::GpuActivity, Error> activity(const GpuId& gpu) override;
  std::expected<Faults, Error> faults(milliseconds wait) override;

 private:
  static std::unexpected<Error> fail(std::string message) {
    return std::unexpected(Error{.kind = ErrorKind::failed, .message = std::move(message)});
  }
  std::expected<void, Error> open();
  void close();
  bool begin_anew_is_due() const;

  std::expected<void, Error> list();
  void place(std::vector<std::pair<unsigned, Unread>> failed, std::set<std::string>& warnings);
  bool still_counted(const GpuInfo& gpu) const;
  void tell(std::set<std::string> warnings);

  std::expected<NvmlLibrary::Device, std::string> handle(const GpuId& gpu);
  template <typename T>
  NvmlResult<T> noting(const GpuId& gpu, NvmlResult<T> result);

  void listen();
  NvmlEvents::Seen finish_events();
  void hear(NvmlEvents::Seen seen);
  void look_for_the_lost();

  NvmlOptions options_;
  std::shared_ptr<NvmlLibrary> library_;
  steady_clock::time_point opened_at_;
  milliseconds reopen_wait_;  // at least so long from one begin to the next
  NvmlRoster roster_;
  NvmlActivity activity_;
  std::unique_ptr<NvmlEvents> events_;  // null: nothing can be heard
  std::vector<void*> listens_to_;       // the devices that were asked to tell
  Faults heard_;
  std::set<std::string> told_;
  std::string event_trouble_;  // as last told
  bool deaf_ = false;          // no event will be heard any more
};

std::expected<std::vector<GpuInfo>, Error> NvmlInventory::gpus() {
  if (begin_anew_is_due()) {
    close();
    reopen_wait_ = std::min(2 * reopen_wait_, options_.reopen_most);
  }
  const bool was_open = library_ != nullptr;
  if (auto opened = open(); !opened) return std::unexpected(opened.error());
  if (auto listed = list(); !listed) {
    close();
    if (was_open) return gpus();  // the library may be well if it begins anew; once
    return std::unexpected(listed.error());
  }
  if (!roster_.troubled()) reopen_wait_ = options_.reopen_first;
  listen();
  return roster_.counted();
}

std::expected<GpuLoad, Error> NvmlInventory::load(const GpuId& gpu) {
  if (auto opened = open(); !opened) return std::unexpected(opened.error());
  const auto device = handle(gpu);
  if (!device) return fail(std::format("{}: {}", gpu.str(), device.error()));
  GpuLoad load;
  if (const auto rates = noting(gpu, library_->utilization(*device))) {
    load.gpu_util_percent = percent(rates->gpu_percent);
    load.memory_util_percent = percent(rates->memory_percent);
  } else if (!rates.error().unsupported()) {
    return fail(std::format("{}: {}", gpu.str(), rates.error().message));
  }
  const auto memory = noting(gpu, library_->memory(*device));
  if (memory) load.memory_used = used_memory(*memory);
  return load;
}

std::expected<model::GpuActivity, Error> NvmlInventory::activity(const GpuId& gpu) {
  if (auto opened = open(); !opened) return std::unexpected(opened.error());
  const auto device = handle(gpu);
  if (!device) return fail(std::format("{}: {}", gpu.str(), device.error()));
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const auto now_us = std::chrono::duration_cast<std::chrono::microseconds>(wall).count();
  auto read = noting(gpu, activity_.read(*library_, *device, gpu,
                                         static_cast<std::uint64_t>(now_us)));
  if (!read) return fail(std::format("{}: {}", gpu.str(), read.error().message));
  return *std::move(read);
}

std::expected<Faults, Error> NvmlInventory::faults(milliseconds wait) {
  auto out = roster_.take_lost();
  if (events_ != nullptr) {
    const bool news = !out.empty() || !heard_.empty();
    hear(events_->take(news ? milliseconds(0) : wait));
    for (auto& lost : roster_.take_lost()) out.push_back(std::move(lost));
  }
  for (auto& one : std::exchange(heard_, {})) out.push_back(std::move(one));
  if (out.size() > faults_max) out.erase(out.begin() + faults_max, out.end());
  return out;
}

std::expected<void, Error> NvmlInventory::open() {
  if (library_ != nullptr) return {};
  auto opened = NvmlLibrary::open(options_.library);
  if (!opened) return std::unexpected(opened.error());
  library_ = *std::move(opened);
  opened_at_ = steady_clock::now();
  return {};
}

void NvmlInventory::close() {
  hear(finish_events());
  listens_to_.clear();
  roster_.forget_handles();
  library_.reset();
}

bool NvmlInventory::begin_anew_is_due() const {
  return library_ != nullptr && roster_.troubled() &&
         steady_clock::now() - opened_at_ >= reopen_wait_;
}

std::expected<void, Error> NvmlInventory::list() {
  const auto count = library_->count();
  if (!count) return fail(count.error().message);
  if (*count > nvml_gpus_max) {
    return fail(std::format("NVML speaks of {} GPUs; more than {} cannot be", *count,
                            nvml_gpus_max));
  }
  std::vector<std::pair<unsigned, Unread>> failed;
  std::set<GpuId> seen;
  roster_.begin();
  for (unsigned index = 0; index < *count; ++index) {
    const auto device = library_->device(index);
    auto gpu = device ? read_gpu(*library_, *device, options_.sim_folder)
                      : std::unexpected(unread(device.error()));
    if (!gpu) {
      failed.emplace_back(index, std::move(gpu.error()));
      continue;
    }
    if (!seen.insert(gpu->id).second) {
      return fail(std::format("NVML gives two GPUs the UUID {}", gpu->id.str()));
    }
    roster_.here(*std::move(gpu), index, *device);
  }
  std::set<std::string> warnings;
  place(std::move(failed), warnings);
  roster_.end();
  if (roster_.all_lost()) {
    return fail(std::format("all {} GPUs are lost at once ({}): the driver is to blame, not the"
                            " cards; see `nvidia-smi` and the kernel's log (dmesg) on this machine",
                            roster_.counted().size(), roster_.entries().front().why));
  }
  for (const auto& entry : roster_.entries()) {
    const auto id = entry.info.id.str();
    if (entry.state == NvmlRoster::State::lost) {
      warnings.insert(std::format("{} is lost: {}", id, entry.why));
    }
    if (entry.state == NvmlRoster::State::missing) {
      warnings.insert(std::format("{} is counted no more", id));
    }
  }
  tell(std::move(warnings));
  return {};
}

// Which of the GPUs that were there before are behind the indices that cannot be read. One that
// tells its UUID is known by it; of the others NVML is asked by the place on the bus, for which it
// needs to reach no GPU but that one.
void NvmlInventory::place(std::vector<std::pair<unsigned, Unread>> failed,
                          std::set<std::string>& warnings) {
  std::erase_if(failed, [&](const auto& one) {
    const auto& [index, why] = one;
    if (!why.unreachable || !why.id || roster_.find(*why.id) == nullptr) return false;
    roster_.lost(*why.id, index, why.message);
    return true;
  });
  if (failed.empty()) return;
  std::vector<std::pair<GpuId, unsigned>> unseen;  // with the index that each had
  for (const auto& entry : roster_.entries()) {
    if (!entry.seen && still_counted(entry.info)) unseen.emplace_back(entry.info.id, entry.index);
  }
  for (const auto& [index, why] : failed) {
    auto known = why.unreachable && !why.id
                     ? std::ranges::find(unseen, index, &std::pair<GpuId, unsigned>::second)
                     : unseen.end();
    if (known == unseen.end() && why.unreachable && !why.id) known = unseen.begin();
    if (known == unseen.end()) {
      warnings.insert(std::format("GPU {} is left out: {}", index, why.message));
      continue;
    }
    roster_.lost(known->first, index, why.message);
    unseen.erase(known);
  }
}

bool NvmlInventory::still_counted(const GpuInfo& gpu) const {
  if (gpu.pci_bus.empty()) return true;
  const auto device = library_->device_on(gpu.pci_bus);
  return device || !device.error().not_found();
}

void NvmlInventory::tell(std::set<std::string> warnings) {
  for (const auto& warning : warnings) {
    if (options_.warn && !told_.contains(warning)) options_.warn(warning);
  }
  told_ = std::move(warnings);
}

// Before the first list of this initialisation there is none: then NVML searches for it. One that
// is lost is not asked until a list has read it again.
std::expected<NvmlLibrary::Device, std::string> NvmlInventory::handle(const GpuId& gpu) {
  const auto* known = roster_.find(gpu);
  if (known == nullptr ||
      (known->state == NvmlRoster::State::here && known->device == nullptr)) {
    return library_->device(std::string{gpu.str()})
        .transform_error([](const auto& e) { return e.message; });
  }
  if (known->state == NvmlRoster::State::missing) return std::unexpected("NVML counts it no more");
  if (known->state == NvmlRoster::State::here) return known->device;
  auto why = known->why;
  roster_.found_lost(gpu, why);
  return std::unexpected(std::move(why));
}

// Passes the result of a call about a GPU on, and sees to it if the GPU is lost.
template <typename T>
NvmlResult<T> NvmlInventory::noting(const GpuId& gpu, NvmlResult<T> result) {
  if (!result && result.error().lost()) roster_.found_lost(gpu, result.error().message);
  return result;
}

// Waits for events of all GPUs that are here, and of no other: one that is lost would end each wait
// at once. The old wait goes on until the new one hears, so nothing falls between them.
void NvmlInventory::listen() {
  auto devices = roster_.devices_here();
  if (deaf_ || devices == listens_to_) return;
  std::string trouble;
  auto fresh = devices.empty() ? nullptr : NvmlEvents::start(library_, devices, trouble);
  listens_to_ = std::move(devices);
  auto seen = finish_events();
  if (deaf_) fresh.reset();
  if (fresh != nullptr) {
    for (const auto& event : fresh->take(milliseconds(0)).events) {
      if (!std::ranges::contains(seen.events, event)) seen.events.push_back(event);
    }
  }
  if (seen.trouble.empty()) seen.trouble = std::move(trouble);
  events_ = std::move(fresh);
  hear(std::move(seen));
}

// What the wait that ends has still heard. One that does not come back is the last: each further
// one would leave a thread behind.
NvmlEvents::Seen NvmlInventory::finish_events() {
  if (events_ == nullptr) return {};
  auto seen = events_->finish();
  seen.lost = false;  // by now everybody knows, or the next wait says so again
  if (!events_->ended()) {
    deaf_ = true;
    seen.trouble = "a wait for events does not return; no other is begun";
  }
  events_.reset();
  return seen;
}

void NvmlInventory::hear(NvmlEvents::Seen seen) {
  for (const auto& event : seen.events) {
    if ((event.type & nvml_xid_event) == 0) continue;
    const auto* gpu = roster_.by_device(event.device);
    const bool ignored = application_xid(event.data) ||
                         std::ranges::any_of(options_.ignore_xids, [&](int xid) {
                           return xid >= 0 && static_cast<std::uint64_t>(xid) == event.data;
                         });
    if (gpu == nullptr || ignored || heard_.size() >= faults_max) continue;
    heard_.emplace_back(gpu->info.id, model::GpuFault{.kind = model::FaultKind::xid,
                                                      .xid = believable_xid(event.data),
                                                      .detail = describe_xid(event.data)});
  }
  if (seen.dropped > 0 && seen.trouble.empty()) {
    seen.trouble = "more events at once than can be kept";
  }
  if (seen.trouble != event_trouble_ && !seen.trouble.empty() && options_.warn) {
    options_.warn("XID errors may go unheard: NVML: " + seen.trouble);
  }
  event_trouble_ = std::move(seen.trouble);
  if (seen.lost) look_for_the_lost();
}

// NVML says that one is lost, not which.
void NvmlInventory::look_for_the_lost() {
  std::vector<std::pair<GpuId, void*>> here;
  for (const auto& entry : roster_.entries()) {
    if (entry.state == NvmlRoster::State::here && entry.device != nullptr) {
      here.emplace_back(entry.info.id, entry.device);
    }
  }
  for (const auto& [id, device] : here) {
    if (!noting(id, library_->memory(device))) continue;
    (void)noting(id, library_->utilization(device));
  }
  listen();
}

}  // namespace

std::unique_ptr<Inventory> make_nvml_inventory(NvmlOptions options) {
  return std::make_unique<NvmlInventory>(std::move(options));
}

}  // namespace gpuhub::inventory
