// How long the books take for one decision: ask for one GPU and release it, at a given size. Only
// the ledger: no store, no HTTP. Uses the ledger's public header and nothing else of it.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdlib>
#include <format>
#include <string>
#include <vector>

#include "ledger/ledger.hpp"
#include "policy/least_used.hpp"

namespace {
using namespace gpuhub;

constexpr int slots = 64;

std::vector<model::GpuInfo> gpus(std::int64_t count) {
  std::vector<model::GpuInfo> all;
  for (std::int64_t n = 0; n < count; ++n) {
    all.push_back({.id = *model::GpuId::parse(std::format("GPU-{}", n)),
                   .model = "bench",
                   .memory = {1024},
                   .devices = {},
                   .mounts = {}});
  }
  return all;
}

model::Request request_of(std::int64_t number) {
  return {.id = *model::RequestId::parse(std::format("request-{}", number)),
          .owner = {.hub = *model::HubName::parse("hub"),
                    .user = std::format("user-{}", number),
                    .server = {}},
          .groups = {},
          .want = model::WantCount{1},
          .mode = model::Mode::shared,
          .capabilities = {}};
}

// Leases spread over the GPUs, as a store would give them back.
model::Contents contents(std::int64_t gpu_count, std::int64_t leases) {
  const auto epoch = *model::Epoch::parse("bench");
  model::Contents all{.epoch = epoch};
  for (std::int64_t n = 0; n < leases; ++n) {
    model::Lease lease{.id = *model::LeaseId::parse(std::format("L-bench-{}", n)),
                       .request = request_of(n),
                       .host = *model::HostName::parse("host"),
                       .epoch = epoch};
    lease.state = model::LeaseState::granted;
    lease.gpus = {*model::GpuId::parse(std::format("GPU-{}", n % gpu_count))};
    lease.bind_expires_at = model::Instant{3'600'000};
    all.leases.push_back(std::move(lease));
  }
  all.next_serial = static_cast<std::uint64_t>(leases) + 1;
  return all;
}

// What a decision is for the caller: it must have been made, or the figure is of something else.
ledger::Applied apply(ledger::Ledger& books, const ledger::Command& what, model::Now now) {
  auto applied = books.apply(what, now);
  if (!applied) {
    std::fputs(std::format("refused: {}\n", applied.error().detail).c_str(), stderr);
    std::exit(1);
  }
  return *std::move(applied);
}

void decision(benchmark::State& state) {
  const auto gpu_count = state.range(0), leases = state.range(1);
  const policy::LeastUsed policy;
  ledger::Ledger books{policy,
                       {.host = *model::HostName::parse("host"),
                        .default_slots = slots,
                        .gpus = {},
                        .history_max = 1000},
                       contents(gpu_count, leases)};
  model::Now now{{0}, {1'790'000'000'000}};
  apply(books, ledger::SetInventory{gpus(gpu_count)}, now);
  std::int64_t number = leases;
  for (auto _ : state) {
    now.at.ms += 1;
    const auto granted = apply(books, ledger::Ask{request_of(++number)}, now);
    const auto released = apply(books, ledger::Release{*granted.lease}, now);
    benchmark::DoNotOptimize(released.events.data());
  }
}
BENCHMARK(decision)
    ->ArgNames({"gpus", "leases"})
    ->Args({8, 80})
    ->Args({10'000, 100'000})
    ->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
