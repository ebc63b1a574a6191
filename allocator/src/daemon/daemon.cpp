#include "daemon/daemon.hpp"

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <format>
#include <optional>
#include <random>

#include "api/api.hpp"
#include "api/problem.hpp"
#include "daemon/accounts.hpp"
#include "daemon/held.hpp"
#include "daemon/local_directory.hpp"
#include "daemon/log.hpp"
#include "daemon/loop_pace.hpp"
#include "daemon/machine_watch.hpp"
#include "daemon/vanish.hpp"
#include "http/loop.hpp"
#include "http/server.hpp"
#include "inventory/bounded.hpp"
#include "inventory/nvml_inventory.hpp"
#include "policy/least_used.hpp"
#include "processes/proc_fs.hpp"
#include "runtime/docker_engine.hpp"
#include "service/service.hpp"
#include "store/sqlite_store.hpp"

namespace gpuhub::daemon {
namespace {
using config::LogLevel;
using std::chrono::milliseconds;

constexpr milliseconds tick_max{500};           // the service is pumped at least so often
constexpr int heap_kept = 128 * 1024;           // bytes that are free at the heap's end, at most
constexpr milliseconds log_pause{2};            // between two writes of the log
constexpr milliseconds stop_grace{5'000};
constexpr milliseconds inventory_limit{10'000};
constexpr model::Duration vanish_patience{60'000};

std::int64_t steady_ms(
    std::chrono::steady_clock::time_point at = std::chrono::steady_clock::now()) {
  return std::chrono::duration_cast<milliseconds>(at.time_since_epoch()).count();
}
std::int64_t wall_ms() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::system_clock::now().time_since_epoch()).count();
}

// A new store's name for its life: not to be guessed twice.
model::Epoch draw_epoch() {
  std::random_device chance;
  return *model::Epoch::parse(std::format("{:08x}{:08x}", chance(), chance()));
}

ledger::Settings ledger_settings(const config::Config& config, const model::HostName& host) {
  ledger::Settings out{.host = host,
                       .bind_timeout = config.allocator.bind_timeout,
                       .default_slots = config.gpus.slots,
                       .gpus = {},
                       .history_max = static_cast<std::size_t>(config.allocator.history),
                       .default_capabilities = config.gpus.capabilities,
                       .queue = {.enabled = config.queue.enabled,
                                 .max = static_cast<std::size_t>(config.queue.max),
                                 .timeout = config.queue.timeout,
                                 .renew_timeout = config.queue.renew_timeout,
                                 .reserve_after = config.queue.reserve_after},
                       .avoid_foreign = config.gpus.foreign == config::ForeignUse::avoid,
                       .watchers = config.gpus.watchers,
                       .fault_quiet = config.gpus.fault_quiet};
  for (const model::GpuSetting& one : config.gpus.overrides) out.gpus.emplace(one.gpu, one);
  return out;
}

std::unique_ptr<inventory::Inventory> make_inventory(const config::Config& config,
                                                     const Options& options) {
  if (config.gpus.source == config::Source::listed) return nullptr;
  return inventory::make_bounded(
      inventory::make_nvml_inventory(
          {.library = options.nvml,
           .sim_folder = config.simulation ? options.sim_devices : "",
           .warn = [](const std::string& text) { log(LogLevel::warning, text); },
           .ignore_xids = config.gpus.ignore_xids}),
      inventory_limit);
}
}  // namespace

struct Daemon::Parts {
  config::Config config;
  Options options;
  int status = 0;
  std::int64_t clock_from = 0;             // the ledger's time when the daemon's clock was 0
  std::int64_t wall_apart = 0;             // the wall's time less the ledger's
  std::int64_t now_at = -1;                // the ledger's, when the wall's was asked last
  http::Loop loop;
  LoopPace pace{loop, &flush_log};
  policy::LeastUsed policy;
  std::unique_ptr<store::SqliteStore> store;
  std::unique_ptr<runtime::DockerEngine> engine;
  std::unique_ptr<service::Service> service;
  api::Facts facts;
  std::optional<usage::Books> books;       // of use; set with an inventory that is measured
  std::shared_ptr<const inventory::CdiSpecs> cdi = std::make_shared<inventory::CdiSpecs>();
  Vanish vanish{vanish_patience};
  std::optional<std::string> trouble;      // of the inventory, as last logged
  std::unique_ptr<Accounts> accounts;      // of the host; null: nobody asks without a hub
  std::unique_ptr<api::Api> api;
  std::unique_ptr<http::Server> server;
  std::unique_ptr<http::Timer> tick;
  std::chrono::steady_clock::time_point log_written{};
  http::Timer log_timer{loop, [this] { write_log(); }};
  std::unique_ptr<MachineWatch> watch;     // last: its thread posts to the loop

  // Both clocks are read as whole milliseconds: their distance trembles by one and is followed only
  // when it moves by more, so that a time limit shown on the wall's clock stands still. Within a
  // millisecond, which is many requests, the wall's is asked once.
  model::Now now() {
    const std::int64_t at = clock_from + steady_ms();
    if (at == now_at) return {{at}, {at + wall_apart}};
    now_at = at;
    const std::int64_t apart = wall_ms() - at;
    if (std::abs(apart - wall_apart) > 1) wall_apart = apart;
    return {{at}, {at + wall_apart}};
  }

  // The loop ends; whoever started us starts us anew.
  void end(int with, std::string_view why) {
    log(LogLevel::error, why);
    status = with;
    loop.stop();
  }

  std::expected<void, Failure> open_store(const model::HostName& host);
  void start_service(const model::Contents& contents, const model::HostName& host);
  std::expected<std::vector<http::Listen>, Failure> sockets();
  std::expected<void, Failure> open_sockets();
  void see(Sight sight);
  void write_log();
  void pump();
  void pump_at_turn_end();
  bool turn_ends = false;                  // pump() will be called at the end of this turn
  void handle(http::Request request, http::Respond respond);
  void stop(int signal);
};

std::expected<void, Failure> Daemon::Parts::open_store(const model::HostName& host) {
  auto opened = store::SqliteStore::create(
      options.store, [this](auto what) { loop.post(std::move(what)); }, draw_epoch());
  if (!opened) return std::unexpected{Failure{exit_store, opened.error().message}};
  store = std::move(*opened);
  auto contents = store->load();
  if (!contents) return std::unexpected{Failure{exit_store, contents.error().message}};
  log(LogLevel::info, std::format("{}: {} leases, epoch {}{}", options.store,
                                  contents->leases.size(), contents->epoch.str(),
                                  contents->fresh ? ", new" : ""));
  start_service(*contents, host);
  contents->leases = std::vector<model::Lease>{};  // gives its room back, as "{}" would not
  ::malloc_trim(0);
  return {};
}

void Daemon::Parts::start_service(const model::Contents& contents, const model::HostName& host) {
  clock_from = contents.at.ms - steady_ms();
  runtime::DockerSettings settings;
  settings.socket = options.docker_socket;
  engine = std::make_unique<runtime::DockerEngine>(
      loop, std::move(settings), [this](const std::string& why) { end(exit_engine, why); },
      [](const std::string& text) { log(LogLevel::warning, text); });
  service::Settings how;
  how.stop_conflicts = config.allocator.conflicts == config::Conflicts::stop;
  service = std::make_unique<service::Service>(
      ledger::Ledger{policy, ledger_settings(config, host), contents}, *store, *engine,
      [this] { return now(); }, how, [](const std::string& why) {
        // Memory is ahead of disk: nothing may be answered any more, not even by a clean end.
        log(LogLevel::error, why + "; the daemon stops at once and starts anew from the store");
        std::_Exit(exit_store);
      },
      &pace);
  if (config.gpus.source == config::Source::listed) {
    // A list given by REST is kept in the store and wins over the file's.
    service->set_inventory(contents.listed ? contents.listed->gpus : config.gpus.listed);
  }
  service->start();
}

// Where to listen. The folder for people of this host is closed to others before that.
std::expected<std::vector<http::Listen>, Failure> Daemon::Parts::sockets() {
  std::vector<http::Listen> all{{.path = options.admin_socket, .role = "admin"},
                                {.path = options.hub_socket, .role = "hub:" + config.hub.name}};
  if (!config.local.enabled) return all;
  if (!options.local_gid) {
    return std::unexpected{Failure{64, "[local] is enabled, but --local-gid names no group"}};
  }
  const auto folder = options.local_socket.substr(0, options.local_socket.rfind('/'));
  const auto closed = close_local_directory(folder, *options.local_gid);
  if (!closed) return std::unexpected{Failure{exit_internal, closed.error()}};
  accounts = std::make_unique<Accounts>(options.passwd);
  all.push_back({.path = options.local_socket, .role = std::string{api::local_hub}});
  return all;
}

std::expected<void, Failure> Daemon::Parts::open_sockets() {
  auto places = sockets();
  if (!places) return std::unexpected{std::move(places.error())};
  facts.machine.choice = config.gpus.driver;
  if (config.gpus.source != config::Source::listed) {
    books.emplace(usage::Settings{.busy_percent = config.idle.busy_percent,
                                  .sample_every = config.idle.sample_every});
    facts.usage = &*books;
  }
  facts.machine.cdi_name = [this](const model::GpuInfo& gpu) {
    return inventory::cdi_name(*cdi, gpu);
  };
  api = std::make_unique<api::Api>(
      loop, *service, facts,
      api::Settings{.host = options.host_name,
                    .account_of = [this](std::uint32_t uid) {
                      return accounts ? accounts->name_of(uid) : std::string{};
                    },
                    .show_holders = config.allocator.show_holders,
                    .source = config.gpus.source},
      [this] { return now(); }, [this] { return server->counters(); });
  auto opened = http::Server::create(
      loop, *std::move(places), {},
      {.handler = [this](auto request, auto respond) {
         handle(std::move(request), std::move(respond));
       },
       .error_answer = api::problem_for_status,
       .note = [](const std::string& text) { log(LogLevel::info, text); }});
  if (!opened) return std::unexpected{Failure{exit_internal, std::move(opened.error())}};
  server = std::move(*opened);
  return {};
}

void Daemon::Parts::handle(http::Request request, http::Respond respond) {
  const runtime::Capabilities engine_can = service->runtime_capabilities();
  facts.machine.engine_known = !engine_can.engine_version.empty();
  facts.machine.engine_cdi = engine_can.cdi;
  facts.machine.engine_nvidia = engine_can.nvidia_runtime;
  // What changes something is worth a line; who only looks would drown it.
  const auto level = request.method == "GET" ? LogLevel::debug : LogLevel::info;
  if (logs(level)) {
    std::string what;
    what.reserve(request.role.size() + request.method.size() + request.target.path.size() + 8);
    what.append(request.role).append(" ").append(request.method).append(" ");
    what.append(request.target.path).append(": ");
    respond.observe([this, level, what = std::move(what)](int with) mutable {
      log(level, what += std::to_string(with));
      pump_at_turn_end();
    });
  }
  api->handle(std::move(request), std::move(respond));
  pump_at_turn_end();
}

// Once for all that one turn of the loop brings.
void Daemon::Parts::pump_at_turn_end() {
  if (std::exchange(turn_ends, true)) return;
  loop.at_turn_end([this] {
    turn_ends = false;
    pump();
  });
}

// What the watch saw, on the loop.
void Daemon::Parts::see(Sight sight) {
  facts.loads = std::move(sight.loads);
  if (sight.sample && books) {
    const auto& ledger = service->ledger();
    books->take(*sight.sample, held(ledger), watchers(ledger),
                {clock_from + steady_ms(sight.sampled_at)});
  }
  if (sight.cdi) {
    for (const std::string& warning : sight.cdi->warnings) {
      if (!std::ranges::contains(cdi->warnings, warning)) log(LogLevel::warning, warning);
    }
    cdi = std::move(sight.cdi);
  }
  if (sight.gpus) {
    auto gpus = vanish.judge(std::move(*sight.gpus), now().at);
    if (const std::string now_wrong = gpus ? "" : gpus.error(); trouble != now_wrong) {
      log(gpus ? LogLevel::info : LogLevel::error,
          gpus ? std::format("inventory: {} GPUs", gpus->size()) : "inventory: " + now_wrong);
      trouble = now_wrong;
    }
    service->set_inventory(std::move(gpus));
  }
  for (auto& [gpu, fault] : sight.faults) {
    const auto* known = service->ledger().gpu(gpu);
    const bool news = known != nullptr && (!known->fault || known->fault->fault != fault);
    if (news) log(LogLevel::error, std::format("GPU {}: {}", gpu.str(), fault.detail));
    service->gpu_fault(gpu, std::move(fault));
  }
  if (vanish.give_up(now().at)) end(exit_engine, "the GPUs are still gone: starting anew");
  pump();
}

// At once after a pause; of a busy time some lines together, a little later.
void Daemon::Parts::write_log() {
  const auto now = std::chrono::steady_clock::now();
  if (now - log_written < log_pause) return log_timer.set_at_most(log_pause);
  log_written = now;
  flush_log();
}

void Daemon::Parts::pump() {
  write_log();
  service->pump();
  api->pump();
  milliseconds next = tick_max;
  for (const auto due : {service->next_deadline(), api->next_deadline()}) {
    if (due) next = std::clamp(milliseconds{*due - now().at}, milliseconds{1}, next);
  }
  tick->set_at_most(next);
}

void Daemon::Parts::stop(int signal) {
  log(LogLevel::info, std::format("signal {}: stopping", signal));
  server->stop(stop_grace, [this] { loop.stop(); });
}

Daemon::Daemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Daemon::~Daemon() = default;

std::expected<std::unique_ptr<Daemon>, Failure> Daemon::create(const config::Config& config,
                                                               const Options& options) {
  const auto host = model::HostName::parse(options.host_name);
  if (!host) {
    return std::unexpected{Failure{
        64, std::format("--host-name {}: allowed are 1 to 64 letters, digits and ._:-",
                        options.host_name)}};
  }
  ::mallopt(M_TRIM_THRESHOLD, heap_kept);        // glibc's own would grow with what was freed
  auto parts = std::make_unique<Parts>();
  parts->config = config;
  parts->options = options;
  parts->tick = std::make_unique<http::Timer>(parts->loop, [p = parts.get()] { p->pump(); });
  if (auto opened = parts->open_store(*host); !opened) return std::unexpected{opened.error()};
  if (auto opened = parts->open_sockets(); !opened) return std::unexpected{opened.error()};
  return std::unique_ptr<Daemon>{new Daemon{std::move(parts)}};
}

int Daemon::run() {
  Parts& parts = *parts_;
  parts.loop.on_signal({SIGTERM, SIGINT}, [&parts](int signal) { parts.stop(signal); });
  auto processes = processes::make_proc_fs(parts.options.proc);
  if (parts.books && !processes->of_host()) {
    log(LogLevel::warning, "this is not the host's PID namespace: whose processes use a GPU cannot"
                           " be told, so each GPU's whole load counts for every lease on it");
  }
  WatchTimes times;
  times.load = parts.config.idle.sample_every;
  parts.watch = std::make_unique<MachineWatch>(
      make_inventory(parts.config, parts.options), std::move(processes),
      std::vector<std::string>{"/etc/cdi", "/var/run/cdi"}, times, [&parts](Sight seen) {
        parts.loop.post([&parts, sight = std::move(seen)]() mutable {
          parts.see(std::move(sight));
        });
      });
  parts.pump();
  log(LogLevel::info, std::format("gpu-allocator {} on {}: serving", GPUHUB_VERSION,
                                  parts.options.host_name));
  parts.loop.run();
  parts.watch.reset();
  return parts.status;
}

}  // namespace gpuhub::daemon
