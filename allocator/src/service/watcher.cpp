#include "service/watcher.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace gpuhub::service {
namespace {

constexpr model::Duration retry_after{1'000};

bool holds(runtime::ContainerState state) {
  using enum runtime::ContainerState;
  return state == running || state == paused || state == restarting;
}

std::optional<model::LeaseId> lease_of(const runtime::Container& container) {
  const auto at = container.labels.find("gpuhub.lease");
  return at == container.labels.end() ? std::nullopt : model::LeaseId::parse(at->second);
}

}  // namespace

Watcher::Watcher(Core& core, runtime::Runtime& runtime, const Settings& settings,
                 std::function<void()> on_settled)
    : core_(core),
      runtime_(runtime),
      settings_(settings),
      on_settled_(std::move(on_settled)),
      reconcile_at_(core.now().at) {}

Watcher::~Watcher() { *alive_ = false; }

void Watcher::start() {
  runtime_.watch([this, alive = alive_](runtime::Signal signal) {
    if (*alive) on_signal(std::move(signal));
  });
}

void Watcher::on_signal(runtime::Signal signal) {
  if (const auto* event = std::get_if<runtime::ContainerEvent>(&signal)) {
    on_event(*event);
  } else if (const auto* lost = std::get_if<runtime::Disconnected>(&signal)) {
    connected_ = reconciled_ = listed_since_connect_ = false;
    why_not_ = lost->why;
  } else {
    connected_ = true;
    reconciled_ = listed_since_connect_ = false;
    why_not_ = "connected; reading what runs";
    runtime_.capabilities([this, alive = alive_](auto answer) {
      if (*alive && answer) capabilities_ = *std::move(answer);
    });
    list_again_ = listing_;  // a list under way was asked before this connection
    reconcile();
  }
}

void Watcher::on_event(const runtime::ContainerEvent& event) {
  ++core_.counters.events;
  if (harmless_.contains(event.container) && event.kind != runtime::EventKind::destroyed) return;
  Look& look = looks_[event.container];
  switch (event.kind) {
    case runtime::EventKind::out_of_memory:
      look.out_of_memory = true;
      break;
    case runtime::EventKind::started:
      look.died = look.out_of_memory = false;
      look.exit_code.reset();
      look.ended_at.reset();
      break;
    case runtime::EventKind::died:
      look.died = true;
      look.exit_code = event.exit_code;
      look.ended_at = event.at;
      break;
    default:
      break;
  }
  look_at(event.container);
}

void Watcher::look_at(const model::ContainerId& id, std::function<void()> done) {
  Look& look = looks_[id];
  if (done) look.waiting.push_back(std::move(done));
  if (look.inspecting) {
    look.again = true;
  } else {
    inspect(id);
  }
}

void Watcher::inspect(const model::ContainerId& id) {
  Look& look = looks_[id];
  look.inspecting = true;
  look.again = false;
  runtime_.inspect(id, [this, id, alive = alive_](auto answer) {
    if (*alive) inspected(id, std::move(answer));
  });
}

void Watcher::inspected(const model::ContainerId& id,
                        std::expected<runtime::Container, runtime::Error> answer) {
  Look& look = looks_[id];
  look.inspecting = false;
  if (look.again) {  // something happened since this was asked: only the newest answer counts
    inspect(id);
    return;
  }
  failed_looks_.erase(id);
  if (answer) {
    believe(*answer, look);
  } else if (answer.error().kind == runtime::ErrorKind::not_found) {
    gone(id, look.died, look.exit_code, look.out_of_memory, look.ended_at);
  } else {
    ++core_.counters.runtime_errors;
    why_not_ = answer.error().message;
    failed_looks_.insert(id);
    retry_later();
    // Listed as running, and no more to be had: it holds its GPUs. Nothing is freed by a list.
    const auto at = listed_.find(id);
    if (at != listed_.end() && holds(at->second.state)) believe(at->second, look);
  }
  const auto waiting = std::exchange(looks_[id].waiting, {});
  // What an event told of a running container (out of memory) is kept until its end.
  const bool keep = (answer && holds(answer->state) && looks_[id].out_of_memory) ||
                    failed_looks_.contains(id);
  if (!keep) looks_.erase(id);
  for (const auto& done : waiting) done();
  settle();
}

void Watcher::believe(const runtime::Container& container, const Look& look) {
  const bool created = container.state == runtime::ContainerState::created;
  if (!container.names_lease()) {
    if (holds(container.state)) return believe_foreign(container);
  } else if (created || holds(container.state)) {
    std::ignore = core_.apply(ledger::ContainerHolds{container.id, container.name, !created,
                                                     container.labels});
    stop_conflict(container.id);
    return;
  }
  gone(container.id, true, container.exit_code ? container.exit_code : look.exit_code,
       container.oom_killed || look.out_of_memory, look.ended_at);
}

// What a container was made with never changes, so one without GPUs need not be looked at again.
void Watcher::believe_foreign(const runtime::Container& container) {
  if (!container.claim) {
    harmless_.insert(container.id);
    return;
  }
  std::ignore = core_.apply(ledger::ForeignHolds{container.id, container.name, container.image,
                                                 *container.claim});
}

// Stops a container that runs under an ended lease, if the admin wants that.
void Watcher::stop_conflict(const model::ContainerId& id) {
  if (!settings_.stop_conflicts || stopping_.contains(id)) return;
  if (core_.ledger().conflict(id) == nullptr) return;
  stopping_.insert(id);
  core_.after_commit([this, id, alive = alive_] {
    if (!*alive) return;
    runtime_.stop(id, settings_.stop_grace, [this, id, alive](auto answer) {
      if (!*alive) return;
      stopping_.erase(id);  // not stopped: the next list finds it again
      if (!answer) ++core_.counters.runtime_errors;
    });
  });
}

void Watcher::gone(const model::ContainerId& id, bool exited, std::optional<int> exit_code,
                   bool oom, std::optional<model::WallTime> ended_at) {
  harmless_.erase(id);
  const auto outcome = core_.apply(ledger::ContainerGone{
      id, exited, exit_code, exited ? std::optional{oom} : std::nullopt});
  if (outcome && outcome->lease && ended_at) {
    core_.after_commit([this, ended_at, alive = alive_] {
      if (*alive) note_latency(*ended_at);
    });
  }
}

void Watcher::note_latency(model::WallTime ended_at) {
  const auto ms = std::max<std::int64_t>(0, core_.now().wall.ms - ended_at.ms);
  for (std::size_t i = 0; i < end_latency_bounds_ms.size(); ++i) {
    if (ms <= end_latency_bounds_ms.at(i)) ++core_.counters.end_latency_buckets.at(i);
  }
  ++core_.counters.end_latency_count;
  core_.counters.end_latency_sum_ms += ms;
}

void Watcher::pump() {
  const auto now = core_.now().at;
  if (!connected_) return;
  if (retry_at_ && now >= *retry_at_) {
    retry_at_.reset();
    for (const auto& id : std::set{failed_looks_}) look_unless_looking(id);
    if (!listed_since_connect_) reconcile();
  }
  const bool overdue = !retry_at_ && removing_.empty() && !core_.ledger().overdue(now).empty();
  if (now >= reconcile_at_ || overdue) reconcile();
}

std::optional<model::Instant> Watcher::next_deadline() const {
  if (!connected_) return std::nullopt;
  auto next = reconcile_at_;
  if (retry_at_) next = std::min(next, *retry_at_);
  // Overdue grants are tried again with the retries, not in a tight loop.
  const bool waiting = retry_at_ || listing_ || !removing_.empty();
  if (const auto bind = core_.ledger().next_overdue(); bind && !waiting) {
    next = std::min(next, *bind);
  }
  return next;
}

void Watcher::retry_later() {
  if (!retry_at_) retry_at_ = core_.now().at + retry_after;
}

void Watcher::reconcile() {
  if (listing_) return;
  listing_ = true;
  ++core_.counters.reconciles;
  reconcile_at_ = core_.now().at + settings_.reconcile_every;
  runtime_.list([this, alive = alive_](auto answer) {
    if (!*alive) return;
    listing_ = false;
    if (std::exchange(list_again_, false)) {
      reconcile();
    } else if (answer) {
      listed(*answer);
    } else {
      ++core_.counters.runtime_errors;
      why_not_ = answer.error().message;
      retry_later();
    }
  });
}

// Looks at every container where list and books differ, or that must be asked how it ended. A list
// after a connect comes instead of events that were lost: then also a look under way is too old.
void Watcher::listed(const std::vector<runtime::Container>& containers) {
  const auto look = [this, first = !listed_since_connect_](const model::ContainerId& id) {
    first ? look_at(id) : look_unless_looking(id);
  };
  listed_.clear();
  std::set<model::ContainerId> running;
  for (const auto& container : containers) {
    listed_.emplace(container.id, container);
    if (holds(container.state)) running.insert(container.id);
    if (container.state == runtime::ContainerState::created) clean_created(container);
  }
  std::set<model::ContainerId> in_books;
  for (const auto* lease : core_.ledger().live()) {
    if (lease->container) in_books.insert(*lease->container);
  }
  for (const auto* conflict : core_.ledger().conflicts()) in_books.insert(conflict->container);
  for (const auto* foreign : core_.ledger().foreign()) in_books.insert(foreign->container);
  std::erase_if(harmless_, [&](const auto& id) { return !running.contains(id); });
  for (const auto& id : running) {
    if (!in_books.contains(id) && !harmless_.contains(id)) look(id);
    stop_conflict(id);
  }
  for (const auto& id : in_books) {
    if (!running.contains(id)) look(id);
  }
  expire_overdue(containers);
  listed_since_connect_ = true;
  settle();
}

void Watcher::look_unless_looking(const model::ContainerId& id) {
  const auto at = looks_.find(id);
  if (at == looks_.end() || !at->second.inspecting) look_at(id);
}

// One that was only created: of an ended lease it is a leftover, and removed; of an unknown lease it
// may be from a lost store, and is looked at.
void Watcher::clean_created(const runtime::Container& container) {
  const auto id = lease_of(container);
  if (!id) return;
  const auto* lease = core_.ledger().find(*id);
  if (lease == nullptr) {
    look_at(container.id);
  } else if (!lease->live()) {
    remove_leftover(container.id);
  }
}

void Watcher::remove_leftover(const model::ContainerId& id) {
  if (!removing_.insert(id).second) return;
  runtime_.remove_created(id, [this, id, alive = alive_](auto) {
    if (*alive) removing_.erase(id);  // refused: it was started or is gone; its event tells
  });
}

void Watcher::expire_overdue(const std::vector<runtime::Container>& containers) {
  for (const auto& id : core_.ledger().overdue(core_.now().at)) {
    std::vector<runtime::Container> its;
    for (const auto& container : containers) {
      // One that another lease holds or a conflict counts is not this grant's.
      const bool others = core_.ledger().by_container(container.id) != nullptr;
      if (lease_of(container) == id && !others) its.push_back(container);
    }
    expire(id, its);
  }
}

// A grant ends unbound only when none of its containers is there any more but such as have ended:
// one that runs takes the grant up, one that was only created is removed first.
void Watcher::expire(const model::LeaseId& id, const std::vector<runtime::Container>& its) {
  bool wait = false;
  for (const auto& container : its) {
    if (holds(container.state)) {
      look_unless_looking(container.id);
      wait = true;
    } else if (container.state == runtime::ContainerState::created) {
      remove_leftover(container.id);
      wait = true;
    }
  }
  if (wait) {
    retry_later();
  } else {
    std::ignore = core_.apply(ledger::Expire{id});
  }
}

void Watcher::settle() {
  if (!connected_ || !listed_since_connect_ || reconciled_) return;
  const bool looking = std::ranges::any_of(
      looks_, [](const auto& entry) { return entry.second.inspecting; });
  if (looking) return;
  reconciled_ = reconciled_once_ = true;
  why_not_.clear();
  on_settled_();
}

}  // namespace gpuhub::service
