// What it costs to know what GPUs do: one look at 8 GPUs with 4 processes each, as the daemon makes
// it each second or two. The simulated NVML behind its time limit, real processes of this machine
// found in /proc, the books of use. CPU of the whole process counts: each call has a thread.
#include <benchmark/benchmark.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <stdexcept>
#include <string>
#include <vector>

#include "daemon/sampler.hpp"
#include "inventory/bounded.hpp"
#include "inventory/nvml_inventory.hpp"
#include "nvml_sim/ctl_commands.hpp"
#include "processes/proc_fs.hpp"
#include "usage/books.hpp"

namespace {
using namespace gpuhub;

constexpr unsigned gpu_count = 8;
constexpr unsigned each = 4;  // processes on a GPU

// Processes that do nothing, for as long as this lives.
class Children {
 public:
  explicit Children(unsigned count) {
    for (unsigned n = 0; n < count; ++n) {
      const auto pid = ::fork();
      if (pid == 0) {
        ::pause();
        ::_exit(0);
      }
      if (pid < 0) throw std::runtime_error("no process more");
      pids.push_back(pid);
    }
  }
  ~Children() {
    for (const auto pid : pids) ::kill(pid, SIGKILL);
    for (const auto pid : pids) ::waitpid(pid, nullptr, 0);
  }
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;
  std::vector<pid_t> pids;
};

// A simulated machine with these processes on its GPUs.
class Machine {
 public:
  explicit Machine(const std::vector<pid_t>& pids) {
    std::string pattern = std::filesystem::temp_directory_path() / "usage_bench.XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    const auto machine =
        nvml_sim::make_machine({.gpus = gpu_count, .model = "A100-40G", .major = 241});
    need(nvml_sim::init_folder(folder_, machine.value(), "", false));
    for (std::size_t i = 0; i < pids.size(); ++i) {
      const nvml_sim::Process process{.pid = static_cast<unsigned>(pids[i]), .memory_mib = 100,
                                      .gpu_util = 10};
      need(nvml_sim::change_load(folder_, std::to_string(i % gpu_count),
                                 {.gpu_util = 40, .add_process = process}));
    }
    ::setenv("NVML_SIM_DIR", (folder_ + "/state").c_str(), 1);
    ::setenv("NVML_SIM_ALL", "1", 1);
  }
  ~Machine() { std::filesystem::remove_all(folder_); }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

 private:
  static void need(const std::expected<void, std::string>& done) {
    if (!done) throw std::runtime_error(done.error());
  }
  std::string folder_;
};

// The processes of this namespace stand for the host's.
class OfHost final : public processes::Processes {
 public:
  std::optional<std::uint64_t> started(std::uint32_t pid) override { return proc_->started(pid); }
  std::optional<std::vector<model::ContainerId>> containers(std::uint32_t pid) override {
    return proc_->containers(pid);
  }
  bool of_host() override { return true; }

 private:
  std::unique_ptr<processes::Processes> proc_ = processes::make_proc_fs();
};

std::string library() {
  const char* given = std::getenv("NVML_SIM_LIBRARY");
  return given != nullptr ? given : NVML_SIM_LIBRARY;
}

// Once for the process: NVML stays as it was begun while anybody has it.
void one_look(benchmark::State& state) {
  static const Children children{gpu_count * each};
  static const Machine machine{children.pids};
  static const auto inventory = inventory::make_bounded(
      inventory::make_nvml_inventory({.library = library(), .sim_folder = "", .warn = {}}),
      std::chrono::seconds(10));
  OfHost processes;
  daemon::Sampler sampler{*inventory, processes};
  usage::Books books{{}};
  std::vector<model::GpuId> gpus;
  std::vector<usage::Held> held;
  const auto listed = inventory->gpus().value();
  for (const auto& gpu : listed) {
    const auto n = gpus.size();
    gpus.push_back(gpu.id);
    held.push_back({.lease = *model::LeaseId::parse(std::format("L-{}", n)),
                    .container = *model::ContainerId::parse(std::format("{:064x}", n)),
                    .gpus = {gpu.id}});
  }
  model::Instant at{1};
  for (auto _ : state) {
    const auto taken = sampler.take(gpus);
    at = at + model::Duration{1'000};
    books.take(taken.sample, held, {}, at);
    const auto use = books.of(gpus.front(), at);
    if (taken.sample.size() != gpu_count || !use.foreign ||
        use.foreign->processes != static_cast<int>(each)) {
      state.SkipWithError("not all of it was measured");
      break;
    }
  }
}
// A look each second, as a part of one core.
BENCHMARK(one_look)->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
