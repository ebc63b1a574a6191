#include "inventory/nvml_events.hpp"

#include <algorithm>
#include <condition_variable>
#include <format>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

namespace gpuhub::inventory {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kept_max = 256;
constexpr milliseconds wait_slice{100};  // the end of this object waits for the one under way
constexpr milliseconds fail_pause{500};  // after a wait that failed, before the next
constexpr milliseconds wait_late{5'000};  // a wait that takes longer than this hangs
constexpr milliseconds end_limit{1'000};
constexpr int burst_events = 64;  // of a flood, taken in one burst
constexpr milliseconds burst_pause{100};

}  // namespace

struct NvmlEvents::State {
  std::shared_ptr<const NvmlLibrary> library;
  NvmlLibrary::EventSet set = nullptr;

  std::mutex mutex;
  std::condition_variable changed;
  Seen seen;
  steady_clock::time_point waits_since;
  bool stop = false;
  bool ended = false;

  bool stopped() {
    const std::scoped_lock lock(mutex);
    waits_since = steady_clock::now();
    return stop;
  }

  void pause(milliseconds time) {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, time, [this] { return stop; });
  }

  void keep(const NvmlEvent& event) {
    const std::scoped_lock lock(mutex);
    if (std::ranges::contains(seen.events, event)) return;
    if (seen.events.size() >= kept_max) {
      ++seen.dropped;
      return;
    }
    seen.events.push_back(event);
    changed.notify_all();
  }

  void heard() {
    const std::scoped_lock lock(mutex);
    seen.trouble.clear();
  }

  // What a wait that failed means; nothing more comes until it is over, so the next try can wait.
  void failed(const NvmlError& error) {
    {
      const std::scoped_lock lock(mutex);
      if (error.lost()) {
        seen.lost = true;
      } else {
        seen.trouble = error.message;
      }
      changed.notify_all();
    }
    pause(fail_pause);
  }

  void run() {
    int burst = 0;
    auto burst_began = steady_clock::now();
    while (!stopped()) {
      const auto began = steady_clock::now();
      const auto got = library->wait(set, wait_slice);
      const auto took = steady_clock::now() - began;
      if (!got) {
        failed(got.error());
        continue;
      }
      heard();
      if (*got) {
        keep(**got);
        if (began - burst_began > burst_pause) {
          burst = 0;
          burst_began = began;
        }
        if (++burst >= burst_events) pause(burst_pause);
      } else if (took < wait_slice / 2) {
        pause(wait_slice);  // "no event in time", sooner than the time
      }
    }
    for (int rest = 0; rest < burst_events; ++rest) {
      const auto got = library->wait(set, milliseconds(0));
      if (!got || !*got) break;
      keep(**got);
    }
    library->free_event_set(set);
    library.reset();  // before anybody is told: NVML begins anew only when nobody holds it any more
    const std::scoped_lock lock(mutex);
    ended = true;
    changed.notify_all();
  }
};

NvmlEvents::NvmlEvents(std::shared_ptr<State> state) : state_(std::move(state)) {}

// A device that cannot be added for a reason of its own may leave the set in an undefined state, as
// NVML's reference has it: then it is made anew without that device.
std::unique_ptr<NvmlEvents> NvmlEvents::start(std::shared_ptr<const NvmlLibrary> library,
                                              std::vector<NvmlLibrary::Device> devices,
                                              std::string& trouble) {
  const auto set = library->create_event_set();
  if (!set) {
    if (!set.error().unsupported()) trouble = set.error().message;
    return nullptr;
  }
  bool any = false;
  for (auto* device : devices) {
    const auto added = library->add_xid_events(device, *set);
    any = any || added.has_value();
    if (added || added.error().unsupported()) continue;
    if (!added.error().lost()) trouble = added.error().message;
    library->free_event_set(*set);
    std::erase(devices, device);
    return start(std::move(library), std::move(devices), trouble);
  }
  if (!any) {
    library->free_event_set(*set);
    return nullptr;
  }
  auto state = std::make_shared<State>();
  state->library = std::move(library);
  state->set = *set;
  state->waits_since = steady_clock::now();
  try {
    std::thread([state] { state->run(); }).detach();
  } catch (const std::system_error& wrong) {
    state->library->free_event_set(*set);
    trouble = std::format("no thread to wait for events on: {}", wrong.what());
    return nullptr;
  }
  return std::unique_ptr<NvmlEvents>(new NvmlEvents(std::move(state)));
}

NvmlEvents::~NvmlEvents() { (void)finish(); }

NvmlEvents::Seen NvmlEvents::finish() {
  if (std::exchange(finished_, true)) return {};
  std::unique_lock lock(state_->mutex);
  state_->stop = true;
  state_->changed.notify_all();
  state_->changed.wait_for(lock, end_limit, [this] { return state_->ended; });
  return std::exchange(state_->seen, {});
}

bool NvmlEvents::ended() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->ended;
}

NvmlEvents::Seen NvmlEvents::take(milliseconds limit) {
  std::unique_lock lock(state_->mutex);
  auto& seen = state_->seen;
  state_->changed.wait_for(lock, limit, [&] { return !seen.events.empty() || seen.lost; });
  auto taken = std::exchange(seen, {});
  seen.trouble = taken.trouble;  // lasts until a wait succeeds
  const auto waits = steady_clock::now() - state_->waits_since;
  if (waits > wait_slice + wait_late) {
    taken.trouble = "a wait for events that should take 0.1 s does not return";
  }
  return taken;
}

}  // namespace gpuhub::inventory
