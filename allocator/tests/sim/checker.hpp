// What must always hold, watched from outside the code under test: a checker sees each durable
// batch, each answer, each look of the engine, each start of the daemon, and the truth (engine and
// disk). It never asks the ledger what is right.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ledger/ledger.hpp"
#include "runtime/fake_runtime.hpp"
#include "store/memory_store.hpp"

namespace gpuhub::sim {

// The truth, and the books as the daemon has them in memory (null while it is down).
struct Truth {
  const runtime::FakeRuntime& engine;
  const store::MemoryStore& disk;
  const ledger::Ledger* ledger = nullptr;
  std::size_t waiting = 0;  // requests that nobody has answered
  int gpus_there = 0;       // GPU-0 to the one before this, as the inventory told last
  std::uint64_t inventories = 0;  // told so far
};

class Checker {
 public:
  using Fail = std::function<void(const std::string& checker, const std::string& what)>;
  Checker(std::string name, const Truth& watched) : truth(watched), name_(std::move(name)) {}
  virtual ~Checker() = default;
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  virtual void durable(const model::Batch&) {}
  virtual void answered(const model::Lease&) {}                 // to the hub
  virtual void looked(const model::ContainerId* /*only*/) {}    // the engine, null: at all
  virtual void told(const model::ContainerId&) {}               // the daemon, of an event
  virtual void started() {}                                     // the daemon, from the disk
  virtual void store_lost() {}                                  // before such a start
  virtual void stepped() {}                                     // after every step
  virtual void settled() {}   // faults have stopped, time has passed; containers still run
  virtual void quiet() {}     // and no container is left

  const std::string& name() const { return name_; }
  Fail on_fail;

 protected:
  void fail(const std::string& what) const { on_fail(name_, what); }
  const Truth& truth;

 private:
  std::string name_;
};

using Checkers = std::vector<std::unique_ptr<Checker>>;
std::unique_ptr<Checker> slots_checker(const Truth& truth, int default_slots);
std::unique_ptr<Checker> exclusive_checker(const Truth& truth);
std::unique_ptr<Checker> holding_checker(const Truth& truth);
std::unique_ptr<Checker> queue_checker(const Truth& truth, int default_slots,
                                       model::Duration reserve_after);
std::unique_ptr<Checker> foreign_checker(const Truth& truth);
std::unique_ptr<Checker> service_checker(const Truth& truth);
std::unique_ptr<Checker> promise_checker(const Truth& truth);
std::unique_ptr<Checker> leak_checker(const Truth& truth);

}  // namespace gpuhub::sim
