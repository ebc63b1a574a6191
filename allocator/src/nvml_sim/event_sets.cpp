#include "nvml_sim/event_sets.hpp"

#include <algorithm>
#include <condition_variable>
#include <optional>
#include <utility>
#include <vector>

#include "nvml_sim/xid_log.hpp"

namespace gpuhub::nvml_sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kMaxSets = 4096;   // a client that never frees gets an error, not all memory
constexpr milliseconds kLookAgain{20};   // the file has no other way to wake who waits

struct Wanted {
  unsigned long long types = 0;
  std::uint64_t from = 0;  // number of the first XID that counts
  nvmlDevice_t device = nullptr;
};

}  // namespace

struct EventSets::Set {
  Set(unsigned made_in, std::string xids_path)
      : initialisation(made_in), xids(std::move(xids_path)) {}

  const unsigned initialisation;
  std::mutex mutex;
  std::condition_variable changed;
  bool freed = false;
  XidReader xids;
  std::uint64_t next = 1;  // all below were given or not wanted
  std::map<std::string, Wanted> wanted;  // by uuid

  // A log that has gone back is that of a machine made anew: all in it is news.
  const XidLog& look() {
    const auto& log = xids.look();
    if (log.next < next) {
      next = 1;
      for (auto& [uuid, one] : wanted) one.from = 1;
    }
    return log;
  }

  void add(const std::string& uuid, nvmlDevice_t device, unsigned long long types) {
    const auto& log = look();
    if (wanted.empty()) next = log.next;
    const auto [found, fresh] = wanted.try_emplace(uuid, Wanted{.from = log.next});
    found->second.device = device;
    if ((found->second.types & kXidCriticalError) == 0) found->second.from = log.next;
    found->second.types |= types;
  }

  std::optional<nvmlEventData_t> take() {
    const auto& log = look();
    const auto first = std::ranges::lower_bound(log.raised, next, {}, &RaisedXid::number);
    for (auto raised = first; raised != log.raised.end(); ++raised) {
      next = raised->number + 1;
      const auto found = wanted.find(raised->uuid);
      if (found == wanted.end() || raised->number < found->second.from ||
          (found->second.types & kXidCriticalError) == 0) {
        continue;
      }
      return nvmlEventData_t{.device = found->second.device,
                             .eventType = kXidCriticalError,
                             .eventData = raised->xid,
                             .gpuInstanceId = kNoInstance,
                             .computeInstanceId = kNoInstance};
    }
    return std::nullopt;
  }

  std::vector<nvmlDevice_t> devices() const {
    std::vector<nvmlDevice_t> out;
    for (const auto& [uuid, one] : wanted) out.push_back(one.device);
    return out;
  }
};

unsigned long long supported_events(const View& view) {
  return kXidCriticalError | (view.model.ecc ? kSingleBitEccError | kDoubleBitEccError : 0ULL);
}

EventSets::EventSets(Engine& engine) : engine_(engine) {}
EventSets::~EventSets() = default;

std::expected<nvmlEventSet_t, Code> EventSets::create() {
  const auto initialisation = engine_.initialisation();
  if (initialisation == 0) return std::unexpected(kUninitialized);
  auto set = std::make_shared<Set>(initialisation, engine_.xids_path());
  const auto handle = reinterpret_cast<nvmlEventSet_t>(set.get());
  const std::scoped_lock lock(mutex_);
  std::erase_if(sets_, [&](const auto& entry) {
    return entry.second->initialisation != initialisation;
  });
  if (sets_.size() >= kMaxSets) return std::unexpected(kUnknown);
  sets_.emplace(handle, std::move(set));
  return handle;
}

Code EventSets::free(nvmlEventSet_t handle) {
  const auto set = find(handle);
  if (set == nullptr) return kInvalidArgument;
  {
    const std::scoped_lock lock(mutex_);
    sets_.erase(handle);
  }
  const std::scoped_lock lock(set->mutex);
  set->freed = true;
  set->changed.notify_all();
  return kSuccess;
}

Code EventSets::add(nvmlDevice_t device, unsigned long long types, nvmlEventSet_t handle) {
  const auto set = find(handle);
  if (set == nullptr || (types & ~kEventTypesNamed) != 0) return kInvalidArgument;
  const auto view = engine_.view(device);
  if (!view) return view.error();
  if ((types & ~supported_events(*view)) != 0) return kNotSupported;
  const std::scoped_lock lock(set->mutex);
  set->add(view->gpu.uuid, device, types);
  return kSuccess;
}

std::expected<nvmlEventData_t, Code> EventSets::wait(nvmlEventSet_t handle, milliseconds limit) {
  const auto set = find(handle);
  if (set == nullptr) return std::unexpected(kInvalidArgument);
  const auto until = steady_clock::now() + limit;
  std::unique_lock lock(set->mutex);
  while (true) {
    if (set->freed) return std::unexpected(kInvalidArgument);
    if (engine_.initialisation() != set->initialisation) return std::unexpected(kUninitialized);
    if (const auto event = set->take()) return *event;
    if (engine_.any_lost(set->devices())) return std::unexpected(kGpuIsLost);
    const auto now = steady_clock::now();
    if (now >= until) return std::unexpected(kTimeout);
    set->changed.wait_until(lock, std::min(until, now + kLookAgain));
  }
}

std::shared_ptr<EventSets::Set> EventSets::find(nvmlEventSet_t handle) {
  const std::scoped_lock lock(mutex_);
  const auto found = sets_.find(handle);
  const bool good = found != sets_.end() &&
                    found->second->initialisation == engine_.initialisation();
  return good ? found->second : nullptr;
}

EventSets& event_sets() {
  static auto* const only = new EventSets(engine());
  return *only;
}

}  // namespace gpuhub::nvml_sim
