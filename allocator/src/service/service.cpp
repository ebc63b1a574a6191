#include "service/service.hpp"

#include <algorithm>
#include <utility>

#include "model/assert.hpp"
#include "service/core.hpp"
#include "service/watcher.hpp"

namespace gpuhub::service {
namespace {

LeaseAnswer answer_for(const Core& core, const model::Lease& lease, bool existed) {
  const ledger::Ledger& ledger = core.ledger();
  LeaseAnswer answer{.lease = lease, .gpus = {}, .existed = existed, .waiting = {}};
  for (const auto& id : lease.gpus) {
    if (const auto* gpu = ledger.gpu(id)) answer.gpus.push_back(*gpu);
  }
  if (auto place = ledger.place_of(lease.id)) {
    answer.waiting = Waiting{.place = *std::move(place),
                             .estimate = ledger.estimate(lease.id, core.now().at),
                             .blocked_by = {}};
    for (const auto& id : ledger.in_the_way_of(lease)) {
      answer.waiting->blocked_by.push_back(*ledger.find(id));
    }
  }
  return answer;
}

enum class Show : std::uint8_t { all, without_leases };

std::vector<GpuView> views(const ledger::Ledger& ledger, Show show = Show::all) {
  std::vector<GpuView> all;
  const auto conflicts = ledger.conflicts();
  const auto foreign = ledger.foreign();
  for (const auto& use : ledger.gpus()) {
    GpuView view{.gpu = *use.gpu, .leases_used = use.leases, .exclusive = use.exclusive,
                 .leases = {}, .conflicts = {}, .foreign = {}};
    const auto& id = use.gpu->info.id;
    if (show == Show::all) {
      for (const auto* lease : ledger.live_on(id)) view.leases.push_back(*lease);
    }
    for (const auto* conflict : conflicts) {
      if (std::ranges::contains(conflict->gpus, id)) view.conflicts.push_back(*conflict);
    }
    for (const auto* one : foreign) {
      if (std::ranges::contains(one->gpus, id)) view.foreign.push_back(*one);
    }
    all.push_back(std::move(view));
  }
  return all;
}

}  // namespace

struct Service::State {
  State(ledger::Ledger ledger, store::Store& store, runtime::Runtime& runtime, Clock clock,
        Settings settings_, std::function<void(std::string)> on_fatal, Pace* pace)
      : settings(std::move(settings_)),
        core(std::move(ledger), store, std::move(clock), pace, std::move(on_fatal)),
        watcher(core, runtime, settings, [this] { check_granting(); }) {}

  // Answers what `what` came to, once that is durable.
  void answer(const ledger::Command& what, Reply<LeaseAnswer> reply);
  Refusal refusal(ledger::Refusal why) const;
  // An answer about the lease as it is now, once that is durable.
  void answer_now(const model::LeaseId& id, bool existed, Reply<LeaseAnswer> reply);
  // Why no GPU may be granted now; empty: one may.
  std::string not_ready(const model::Request& request) const;
  // Tells the ledger when GPUs may be granted to those who wait.
  void check_granting();
  void tick();
  template <typename T>
  bool refuse_overload(Reply<T>& reply);
  template <typename T>
  void refuse(Refusal why, Reply<T> reply);

  Settings settings;
  Core core;
  Watcher watcher;
  bool inventory_ok = false;
  std::string inventory_why = "not read yet";
};

Refusal Service::State::refusal(ledger::Refusal why) const {
  Refusal refused{.kind = Refused::by_ledger, .ledger = {}, .detail = why.detail, .blocked_by = {}};
  for (const auto& id : why.blocked_by) {
    if (const auto* lease = core.ledger().find(id)) refused.blocked_by.push_back(*lease);
  }
  refused.ledger = std::move(why);
  return refused;
}

template <typename T>
void Service::State::refuse(Refusal why, Reply<T> reply) {
  core.make_and_send([why = std::move(why), reply = std::move(reply)]() mutable {
    return reply.make_ready(std::unexpected(std::move(why)));
  });
}

template <typename T>
bool Service::State::refuse_overload(Reply<T>& reply) {
  if (core.waiting() < settings.queue_max) return false;
  reply(std::unexpected(Refusal{.kind = Refused::too_many, .ledger = {},
                                .detail = "too many requests wait for the disk; try again",
                                .blocked_by = {}}));
  return true;
}

void Service::State::answer_now(const model::LeaseId& id, bool existed, Reply<LeaseAnswer> reply) {
  const auto* lease = core.ledger().find(id);
  if (lease == nullptr) {
    ledger::Refusal unknown{ledger::Reason::unknown_lease, "there is no such lease", {}};
    refuse(refusal(std::move(unknown)), std::move(reply));
    return;
  }
  core.make_and_send([answer = answer_for(core, *lease, existed),
                      reply = std::move(reply)]() mutable {
    return reply.make_ready(std::move(answer));
  });
}

void Service::State::answer(const ledger::Command& what, Reply<LeaseAnswer> reply) {
  if (refuse_overload(reply)) return;
  auto outcome = core.apply(what);
  if (!outcome) {
    if (std::holds_alternative<ledger::Ask>(what)) ++core.counters.refused;
    refuse(refusal(std::move(outcome.error())), std::move(reply));
    return;
  }
  GPUHUB_ASSERT(outcome->lease.has_value());
  answer_now(*outcome->lease, outcome->existed, std::move(reply));
}

std::string Service::State::not_ready(const model::Request& request) const {
  if (!watcher.reconciled_once()) {
    return "the container engine has not yet been asked what runs (" + watcher.why_not() +
           "); try again in a moment";
  }
  if (!inventory_ok && !std::holds_alternative<model::WantNone>(request.want)) {
    return "the GPUs cannot be read now: " + inventory_why;
  }
  return {};
}

void Service::State::check_granting() {
  const bool may = watcher.reconciled_once() && inventory_ok;
  if (core.ledger().granting() == may) return;
  std::ignore = core.apply(ledger::SetGranting{may});
}

void Service::State::tick() {
  const auto due = core.ledger().next_tick();
  if (due && *due <= core.now().at) std::ignore = core.apply(ledger::Tick{});
}

Service::Service(ledger::Ledger ledger, store::Store& store, runtime::Runtime& runtime, Clock clock,
                 Settings settings, std::function<void(std::string)> on_fatal, Pace* pace)
    : state_(std::make_unique<State>(std::move(ledger), store, runtime, std::move(clock),
                                     std::move(settings), std::move(on_fatal), pace)) {}
Service::~Service() = default;

void Service::start() { state_->watcher.start(); }
void Service::pump() {
  state_->tick();
  state_->watcher.pump();
}
std::optional<model::Instant> Service::next_deadline() const {
  const auto engine = state_->watcher.next_deadline();
  const auto tick = state_->core.ledger().next_tick();
  return engine && tick ? std::min(*engine, *tick) : engine ? engine : tick;
}

void Service::ask(model::Request request, Reply<LeaseAnswer> reply) {
  // What was granted before is told again in any case.
  const bool known = state_->core.ledger().find(request.id) != nullptr;
  if (auto why = state_->not_ready(request); !known && !why.empty()) {
    state_->refuse(Refusal{.kind = Refused::not_ready, .ledger = {}, .detail = std::move(why),
                           .blocked_by = {}},
                   std::move(reply));
    return;
  }
  state_->answer(ledger::Ask{std::move(request)}, std::move(reply));
}

void Service::bind(ledger::Bind bind, Reply<LeaseAnswer> reply) {
  const auto container = bind.container;
  state_->answer(std::move(bind), std::move(reply));
  // The container may have been removed meanwhile, and its event come before the bind.
  if (state_->watcher.connected()) state_->watcher.look_at(container);
}

void Service::release(model::LeaseId id, Reply<LeaseAnswer> reply) {
  if (state_->refuse_overload(reply)) return;
  const auto outcome = state_->core.apply(ledger::Release{id});
  const auto* lease = outcome ? state_->core.ledger().find(id) : nullptr;
  if (lease == nullptr || lease->state != model::LeaseState::ending || !lease->container ||
      !state_->watcher.connected()) {
    state_->answer_now(id, true, std::move(reply));
    return;
  }
  // Shared, because a std::function must be copyable.
  auto shared = std::make_shared<Reply<LeaseAnswer>>(std::move(reply));
  state_->watcher.look_at(*lease->container, [this, id, shared] {
    state_->answer_now(id, true, std::move(*shared));
  });
}

void Service::renew(model::LeaseId id, Reply<LeaseAnswer> reply) {
  state_->answer(ledger::Renew{std::move(id)}, std::move(reply));
}

void Service::put_listed(std::vector<model::GpuInfo> gpus, Reply<std::vector<GpuView>> reply) {
  if (state_->refuse_overload(reply)) return;
  const auto outcome = state_->core.apply(ledger::PutListed{std::move(gpus)});
  GPUHUB_ASSERT(outcome.has_value());
  state_->inventory_ok = true;
  state_->check_granting();
  state_->core.make_and_send([all = views(state_->core.ledger()),
                              reply = std::move(reply)]() mutable {
    return reply.make_ready(std::move(all));
  });
}

void Service::set_gpu(model::GpuSetting setting, bool clear_fault, Reply<GpuView> reply) {
  if (state_->refuse_overload(reply)) return;
  const auto id = setting.gpu;
  const bool sets = setting.slots || setting.label || setting.drained;
  ledger::Outcome outcome;
  if (sets) outcome = state_->core.apply(ledger::SetGpu{std::move(setting)});
  if (!outcome) {
    state_->refuse(state_->refusal(std::move(outcome.error())), std::move(reply));
    return;
  }
  auto all = views(state_->core.ledger());
  const auto shown = [&] {
    return std::ranges::find(all, id, [](const GpuView& v) { return v.gpu.info.id; });
  };
  if (clear_fault) {
    outcome = state_->core.apply(ledger::ClearFault{id});
    if (!outcome) {
      state_->refuse(state_->refusal(std::move(outcome.error())), std::move(reply));
      return;
    }
    // One that is gone for good is forgotten with its fault: shown as it was.
    if (state_->core.ledger().gpu(id) != nullptr) all = views(state_->core.ledger());
  }
  const auto at = shown();
  GPUHUB_ASSERT(at != all.end());
  state_->core.make_and_send([view = std::move(*at), reply = std::move(reply)]() mutable {
    return reply.make_ready(std::move(view));
  });
}

void Service::set_inventory(std::expected<std::vector<model::GpuInfo>, std::string> gpus) {
  state_->inventory_ok = gpus.has_value();
  if (gpus) {
    std::ignore = state_->core.apply(ledger::SetInventory{*std::move(gpus)});
  } else {
    state_->inventory_why = std::move(gpus.error());
  }
  state_->check_granting();
}

void Service::gpu_fault(const model::GpuId& gpu, model::GpuFault fault) {
  std::ignore = state_->core.apply(ledger::GpuFaulted{gpu, std::move(fault)});
}

void Service::lease(model::LeaseId id, Reply<LeaseAnswer> reply) {
  state_->answer_now(id, true, std::move(reply));
}

void Service::leases(const std::function<bool(const model::Lease&)>& keep,
                     std::move_only_function<void(std::vector<LeaseAnswer>)> reply) {
  std::vector<LeaseAnswer> found;
  for (const auto* lease : state_->core.ledger().leases()) {
    if (!keep(*lease)) continue;
    found.push_back(answer_for(state_->core, *lease, true));
  }
  state_->core.after_commit([found = std::move(found), reply = std::move(reply)]() mutable {
    reply(std::move(found));
  });
}

void Service::gpus(std::move_only_function<void(std::vector<GpuView>)> reply) {
  state_->core.after_commit([all = views(state_->core.ledger()),
                             reply = std::move(reply)]() mutable { reply(std::move(all)); });
}

void Service::usage(std::move_only_function<void(Usage)> reply) {
  Usage usage{.gpus = views(state_->core.ledger(), Show::without_leases), .leases = {}};
  for (const auto* lease : state_->core.ledger().live()) ++usage.leases[lease->state];
  state_->core.after_commit([usage = std::move(usage), reply = std::move(reply)]() mutable {
    reply(std::move(usage));
  });
}

void Service::on_durable(std::function<void(const std::vector<model::Record>&)> tell) {
  state_->core.on_durable = std::move(tell);
}

std::vector<Check> Service::readiness() const {
  const auto& state = *state_;
  const bool reconciled = state.watcher.connected() && state.watcher.reconciled();
  return {
      {"store", !state.core.failed(), state.core.failed() ? "the last commit failed" : ""},
      {"inventory", state.inventory_ok, state.inventory_ok ? "" : state.inventory_why},
      {"runtime", reconciled, reconciled ? "" : state.watcher.why_not()},
  };
}

const Counters& Service::counters() const { return state_->core.counters; }
const ledger::Ledger& Service::ledger() const { return state_->core.ledger(); }
bool Service::reconciled() const { return state_->watcher.reconciled(); }
runtime::Capabilities Service::runtime_capabilities() const {
  return state_->watcher.capabilities();
}

}  // namespace gpuhub::service
