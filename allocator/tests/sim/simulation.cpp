#include "simulation.hpp"

#include <cstdio>
#include <format>

namespace gpuhub::sim {
namespace {

constexpr int gpus = 3;
constexpr int default_slots = 2;
constexpr std::size_t history = 12;

std::vector<model::GpuInfo> machine(int count) {
  std::vector<model::GpuInfo> all;
  for (int n = 0; n < count; ++n) {
    all.push_back({.id = *model::GpuId::parse(std::format("GPU-{}", n)), .model = "Card",
                   .memory = {40'960}, .minor = n, .pci_bus = {}, .devices = {}, .mounts = {},
                   .slots = {}});
  }
  return all;
}

Faults draw(Chance& chance) {
  const auto some = [&](int often, int seldom) {
    return chance.one_in(3) ? 0 : chance.between(often, seldom);
  };
  return {.crash = some(60, 2'000), .commit_fails = some(50, 1'000), .disconnect = some(50, 1'000),
          .lose = some(4, 100), .repeat = some(4, 100), .reorder = some(2, 50),
          .error = some(3, 60), .long_pause = some(50, 400), .lose_store = some(2, 10),
          .hub_dies = some(200, 2'000), .stop_conflicts = chance.one_in(2),
          .paced = !chance.one_in(3),
          .reserve_after_ms = chance.between(0, 60'000)};
}

}  // namespace

std::string Faults::show() const {
  return std::format(
      "crash={} commit_fails={} disconnect={} lose={} repeat={} reorder={} error={} long_pause={} "
      "lose_store={} hub_dies={} stop_conflicts={} paced={} reserve_after_ms={}",
      crash, commit_fails, disconnect, lose, repeat, reorder, error, long_pause, lose_store,
      hub_dies, stop_conflicts, paced, reserve_after_ms);
}

Simulation::Simulation(const Options& options)
    : options_(options),
      chance_(options.seed),
      faults_(draw(chance_)),
      pace_(chance_),
      disk_(*model::Epoch::parse("e1")),
      store_(disk_, options.plant),
      runtime_(engine_, options.plant),
      truth_{.engine = engine_, .disk = disk_},
      hub_({.users = chance_.between(2, 9), .gpus = gpus, .careless = chance_.one_in(2)}, chance_,
           engine_) {
  if (faults_.crash == 0 && shows_after_a_crash(options_.plant)) faults_.crash = 500;
  checkers_.push_back(slots_checker(truth_, default_slots));
  checkers_.push_back(exclusive_checker(truth_));
  checkers_.push_back(holding_checker(truth_));
  checkers_.push_back(promise_checker(truth_));
  checkers_.push_back(queue_checker(truth_, default_slots,
                                    model::Duration{faults_.reserve_after_ms}));
  checkers_.push_back(service_checker(truth_));
  checkers_.push_back(foreign_checker(truth_));
  checkers_.push_back(leak_checker(truth_));
  for (auto& checker : checkers_) {
    checker->on_fail = [this](const auto& name, const auto& what) { wrong(name, what); };
  }
  engine_.on_look = [this](const auto* only) { tell([&](Checker& c) { c.looked(only); }); };
  engine_.on_event = [this](const auto& of) { tell([&](Checker& c) { c.told(of); }); };
  disk_.on_durable([this](const auto& batch) { tell([&](Checker& c) { c.durable(batch); }); });
  hub_.on_answer = [this](const auto& lease) { tell([&](Checker& c) { c.answered(lease); }); };
  hub_.on_wrong = [this](const auto& what) { wrong("hub", what); };
}

Simulation::~Simulation() { crash("the end"); }

template <typename Tell>
void Simulation::tell(Tell tell_one) {
  for (auto& checker : checkers_) tell_one(*checker);
}

void Simulation::wrong(const std::string& checker, const std::string& what) {
  if (!options_.only.empty() && options_.only != checker) return;
  if (!outcome_.wrong.empty()) return;
  outcome_.wrong = what;
  outcome_.checker = checker;
}

void Simulation::note(const std::string& what) {
  for (const char c : what) {
    outcome_.trace = (outcome_.trace ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  if (!options_.log) return;
  std::printf("%8llu %9lld %s  [%s]\n", static_cast<unsigned long long>(outcome_.step),
              static_cast<long long>(now_.at.ms), what.c_str(),
              service_ ? service_->ledger().show().c_str() : "down");
}

void Simulation::crash(const char* why) {
  if (!service_) return;
  const auto& counters = service_->counters();
  outcome_.grants += counters.granted;
  outcome_.waits += counters.queued;
  outcome_.conflicts += counters.conflicts_seen;
  for (const auto count : counters.ended_by_reason) outcome_.ends += count;
  service_.reset();
  truth_.ledger = nullptr;
  disk_.die(chance_.one_in(2));
  engine_.watcher_died();
  pace_.daemon_died();
  hub_.daemon_died();
  fatal_.reset();
  ++outcome_.crashes;
  if (faults_.lose_store > 0 && chance_.one_in(faults_.lose_store)) {
    disk_.lose(*model::Epoch::parse(std::format("e{}", ++stores_)));
    ++outcome_.lost_stores;
    tell([](Checker& c) { c.store_lost(); });
  }
  note(std::string{"crash: "} + why);
}

void Simulation::start() {
  const auto contents = store_.load();
  now_.at = contents->at;  // the daemon's clock goes on from what was stored
  ledger::Settings settings{.host = *model::HostName::parse("h1"), .gpus = {},
                            .queue = {.max = 5, .timeout = model::Duration{300'000},
                                      .renew_timeout = model::Duration{60'000},
                                      .reserve_after = model::Duration{faults_.reserve_after_ms}},
                            .watchers = {}, .fault_quiet = model::Duration{30'000}};
  settings.default_slots = default_slots;
  settings.history_max = history;
  plant(options_.plant, settings);
  service_ = std::make_unique<service::Service>(
      ledger::Ledger{policy_, settings, *contents}, store_, runtime_, [this] { return now_; },
      service::Settings{.stop_conflicts = faults_.stop_conflicts},
      [this](std::string why) { fatal_ = std::move(why); }, faults_.paced ? &pace_ : nullptr);
  truth_.ledger = &service_->ledger();
  tell_inventory(gpus);
  service_->start();
  tell([](Checker& c) { c.started(); });
}

void Simulation::tell_inventory(int count) {
  truth_.gpus_there = count;
  ++truth_.inventories;
  service_->set_inventory(machine(count));
}

std::string Simulation::time_passes() {
  const int ms = faults_.long_pause > 0 && chance_.one_in(faults_.long_pause)
                     ? chance_.between(60'000, 400'000)
                     : chance_.between(0, 3'000);
  now_.at.ms += ms;
  now_.wall.ms += chance_.one_in(50) ? chance_.between(-3'600'000, 3'600'000) : ms;
  engine_.wall = now_.wall;
  if (service_) service_->pump();
  return std::format("{} ms pass", ms);
}

std::string Simulation::engine_acts() {
  if (service_ && !engine_.connected() && chance_.one_in(3)) {
    engine_.connect();
    return "connect";
  }
  if (engine_.connected() && faults_.disconnect > 0 && chance_.one_in(faults_.disconnect)) {
    engine_.disconnect("the test cut it");
    return "disconnect";
  }
  if (chance_.one_in(25)) return somebody_runs();
  const auto& all = engine_.containers();
  if (all.empty()) return "no containers";
  auto at = all.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(chance_.pick(all.size())));
  const auto id = at->first;
  const auto name = at->second.name;
  switch (chance_.pick(12)) {
    case 0: engine_.pause(id); return name + " is paused";
    case 1: engine_.unpause(id); return name + " goes on";
    case 2: engine_.remove(id); return name + " is removed";
    case 3: engine_.die(id, 137, true); return name + " runs out of memory";
    case 4:
    case 5: engine_.die(id, 1); return name + " dies";
    case 6:
      if (!chance_.one_in(4)) return name + " lives on";
      engine_.start(id);
      return name + " is started by somebody";
    default: return name + " lives on";
  }
}

// A container that is not ours: it uses GPUs, or watches them, or has nothing to do with them.
std::string Simulation::somebody_runs() {
  const auto name = std::format("somebody{}", ++strangers_);
  std::optional<model::GpuClaim> claim;
  if (!chance_.one_in(3)) {
    claim = model::GpuClaim{.all = chance_.one_in(6), .first = 0, .names = {}, .nodes = {},
                            .watches = chance_.one_in(4)};
    if (!claim->all) claim->names.push_back(std::to_string(chance_.between(0, gpus)));
  }
  const auto id = engine_.create_foreign(1'000'000 + strangers_, name, "cuda", std::move(claim),
                                         chance_.one_in(2));
  engine_.start(id);
  return name + " runs without us";
}

std::string Simulation::deliver() {
  const auto index = [&](std::size_t count) {
    return faults_.reorder > 0 && chance_.one_in(faults_.reorder) ? chance_.pick(count) : 0;
  };
  if (engine_.signals() > 0 && (engine_.calls() == 0 || chance_.one_in(2))) {
    const auto at = index(engine_.signals());
    // Connected and Disconnected are not lost: they are no messages, but the stream itself.
    const bool event = engine_.is_event(at);
    if (event && faults_.lose > 0 && chance_.one_in(faults_.lose)) {
      engine_.lose_signal(at);
      return "an event is lost";
    }
    if (event && faults_.repeat > 0 && chance_.one_in(faults_.repeat)) engine_.repeat_signal(at);
    engine_.deliver_signal(event ? at : 0);
    return "a signal";
  }
  if (engine_.calls() == 0) return "nothing to deliver";
  const auto at = chance_.pick(engine_.calls());
  if (faults_.error > 0 && chance_.one_in(faults_.error)) {
    if (chance_.one_in(2)) engine_.settle(at);
    engine_.fail_call(at, {chance_.one_in(2) ? runtime::ErrorKind::failed
                                             : runtime::ErrorKind::unreachable, "500"});
    return "an answer is an error";
  }
  if (chance_.one_in(3)) {
    engine_.settle(at);
    return "the engine looks";
  }
  engine_.deliver_call(at);
  return "an answer";
}

// A commit on the daemon's own thread comes at a turn's end, or when the wait for others is over.
std::string Simulation::turn_ends() {
  using enum store::MemoryStore::AtOnce;
  disk_.at_once(chance_.one_in(3) ? cannot : durable);
  if (faults_.commit_fails > 0 && chance_.one_in(faults_.commit_fails)) {
    disk_.at_once(chance_.one_in(2) ? fails : fails_on_disk);
  }
  if (chance_.one_in(4)) {
    pace_.time_is_up();
    return "time is up";
  }
  pace_.end_turn();
  return "a turn ends";
}

std::string Simulation::admin_acts() {
  if (!service_) return "nobody to tell";
  const auto id = *model::GpuId::parse(std::format("GPU-{}", chance_.between(0, gpus)));
  switch (chance_.pick(8)) {
    case 0:
      service_->set_gpu({id, chance_.between(1, 3), {}, {}}, false, [](auto) {});
      return "slots";
    case 3: service_->set_gpu({id, {}, {}, true}, false, [](auto) {}); return "drain";
    case 4: service_->set_gpu({id, {}, {}, false}, false, [](auto) {}); return "undrain";
    case 5: service_->gpu_fault(id, {model::FaultKind::xid, 79, "XID 79"}); return "an XID";
    case 6: service_->set_gpu({id, {}, {}, {}}, true, [](auto) {}); return "a fault is cleared";
    case 1: tell_inventory(chance_.between(1, gpus)); return "fewer GPUs";
    case 2: service_->set_inventory(std::unexpected("the driver hangs")); return "no inventory";
    default: tell_inventory(gpus); return "all GPUs";
  }
}

std::string Simulation::act() {
  if (!service_) {
    if (chance_.one_in(5)) {
      start();
      return "start";
    }
    return chance_.one_in(2) ? engine_acts() : hub_.act(nullptr);
  }
  if (faults_.crash > 0 && chance_.one_in(faults_.crash)) {
    crash("kill -9");
    return "";
  }
  if (faults_.hub_dies > 0 && chance_.one_in(faults_.hub_dies)) return hub_.dies();
  switch (chance_.pick(16)) {
    case 0: return time_passes();
    case 1:
    case 2: return engine_acts();
    case 3: return chance_.one_in(10) ? admin_acts() : "the admin sleeps";
    case 4:
    case 5:
    case 6:
      if (pace_.waits() && chance_.one_in(2)) return turn_ends();
      if (!disk_.committing()) return "the disk is idle";
      if (faults_.commit_fails > 0 && chance_.one_in(faults_.commit_fails)) {
        disk_.fail(chance_.one_in(2));
        return "a commit fails";
      }
      disk_.finish();
      return "a commit";
    case 7:
    case 8:
    case 9: return hub_.act(service_.get());
    default: return deliver();
  }
}

void Simulation::step() {
  ++outcome_.step;
  note(act());
  if (fatal_) crash("the daemon gave up");
  tell([](Checker& c) { c.stepped(); });
}

// Faults have stopped: everything is delivered, commits succeed, time passes.
void Simulation::settle(const char* what) {
  if (!service_) start();
  tell_inventory(gpus);
  if (!engine_.connected()) engine_.connect();
  for (int round = 0; round < 120 && outcome_.wrong.empty(); ++round) {
    for (int turn = 0; turn < 10; ++turn) {
      engine_.deliver_all();
      disk_.at_once(store::MemoryStore::AtOnce::durable);
      pace_.end_turn();
      pace_.time_is_up();
      if (disk_.committing()) disk_.finish();
      tell([](Checker& c) { c.stepped(); });
    }
    now_.at.ms += 5'000;
    now_.wall.ms += 5'000;
    service_->pump();
  }
  truth_.waiting = hub_.waiting();
  note(what);
}

Outcome Simulation::run() {
  start();
  while (outcome_.step < options_.steps && outcome_.wrong.empty()) {
    step();
    const bool last = outcome_.step == options_.steps;
    if (!outcome_.wrong.empty() || (!last && outcome_.step % 5'000 != 0)) continue;
    if (!service_) start();
    hub_.stop_all(*service_);
    settle("settled");
    tell([](Checker& c) { c.settled(); });
    const auto containers = engine_.containers();
    for (const auto& [id, container] : containers) {
      // What is bound and only created holds until the hub removes it.
      const bool created = container.state == runtime::ContainerState::created;
      if (!engine_.die(id, 0) && (created || chance_.one_in(2))) engine_.remove(id);
    }
    settle("quiet");
    tell([](Checker& c) { c.quiet(); });
  }
  crash("the end");
  return outcome_;
}

}  // namespace gpuhub::sim
