// The production ledger and service, driven by a hub, an engine, a disk and a clock that fail in
// every way they can, from one seed. First safety (checkers at every step), then liveness (faults
// stop; everything must settle).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "chance.hpp"
#include "checker.hpp"
#include "hub.hpp"
#include "pace.hpp"
#include "planted.hpp"
#include "policy/least_used.hpp"
#include "service/service.hpp"

namespace gpuhub::sim {

struct Options {
  std::uint64_t seed = 1;
  std::uint64_t steps = 10'000;
  std::string plant;  // a bug on purpose, by name; empty: none
  std::string only;   // the only checker that may speak; empty: all
  bool log = false;   // a line per step
};

// How often what goes wrong; drawn from the seed, so that some runs are calm and some brutal.
struct Faults {
  int crash = 0;       // one in so many steps; 0: never
  int commit_fails = 0;
  int disconnect = 0;
  int lose = 0;
  int repeat = 0;
  int reorder = 0;
  int error = 0;
  int long_pause = 0;
  int lose_store = 0;       // of so many crashes
  int hub_dies = 0;
  bool stop_conflicts = false;
  bool paced = false;       // changes are gathered by turns; else each is committed at once
  int reserve_after_ms = 0;
  std::string show() const;
};

struct Outcome {
  std::string wrong;            // empty: all held
  std::string checker;          // which said so
  std::uint64_t step = 0;
  std::uint64_t trace = 0;      // of all that happened: equal seeds, equal traces
  std::uint64_t grants = 0, ends = 0, crashes = 0, conflicts = 0, waits = 0, lost_stores = 0;
};

class Simulation {
 public:
  explicit Simulation(const Options& options);
  ~Simulation();
  Outcome run();  // once
  const Faults& faults() const { return faults_; }

 private:
  void step();
  std::string act();
  std::string time_passes();
  std::string engine_acts();
  std::string somebody_runs();
  std::string deliver();
  std::string turn_ends();
  std::string admin_acts();
  void tell_inventory(int count);
  void crash(const char* why);
  void start();
  void settle(const char* what);
  void wrong(const std::string& checker, const std::string& what);
  void note(const std::string& what);
  template <typename Tell>
  void tell(Tell tell_one);

  Options options_;
  Chance chance_;
  Faults faults_;
  TurnsByChance pace_;
  model::Now now_{.at = {0}, .wall = {1'790'000'000'000}};
  policy::LeastUsed policy_;
  store::MemoryStore disk_;
  runtime::FakeRuntime engine_;
  PlantedStore store_;
  PlantedRuntime runtime_;
  Truth truth_;
  Hub hub_;
  Checkers checkers_;
  std::unique_ptr<service::Service> service_;
  std::optional<std::string> fatal_;
  int stores_ = 1;
  int strangers_ = 0;
  Outcome outcome_;
};

}  // namespace gpuhub::sim
