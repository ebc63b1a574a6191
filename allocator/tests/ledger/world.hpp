// A ledger with verbs: tests are short scripts over names, and what happened is one line of text.
// Owners, GPUs and containers are called by short names; a lease is called by its owner's name.
#pragma once

#include <cstdint>
#include <format>
#include <map>
#include <string>
#include <vector>

#include "ledger/ledger.hpp"
#include "policy/least_used.hpp"
#include "store/memory_store.hpp"

namespace gpuhub::ledger {

inline model::GpuId gpu_id(int n) { return *model::GpuId::parse(std::format("GPU-{}", n)); }
inline model::ContainerId container_id(int n) {
  return *model::ContainerId::parse(std::format("{:064x}", n));
}
inline std::vector<model::GpuInfo> machine(int gpus) {
  std::vector<model::GpuInfo> all;
  for (int n = 0; n < gpus; ++n) {
    all.push_back({.id = gpu_id(n), .model = "Card", .memory = {40'960}, .minor = n, .pci_bus = {},
                   .devices = {}, .mounts = {}, .slots = {}});
  }
  return all;
}

struct WorldOptions {
  int gpus = 1;
  int slots = 1;
  std::size_t history = 1000;
  QueueSettings queue{};
  bool avoid_foreign = true;
};

class World {
 public:
  explicit World(WorldOptions options = {});

  // ---- owners: each verb says what came of it, in a word or two ----
  std::string ask(const std::string& user, model::Want want,
                  model::Mode mode = model::Mode::shared, const std::string& request = "");
  std::string ask(const std::string& user, int gpus) { return ask(user, model::WantCount{gpus}); }
  // The same, but it may wait.
  std::string wait(const std::string& user, model::Want want,
                   model::Mode mode = model::Mode::shared, const std::string& request = "");
  std::string wait(const std::string& user, int gpus) { return wait(user, model::WantCount{gpus}); }
  std::string renew(const std::string& user) { return apply(Renew{lease(user).id}); }
  std::string bind(const std::string& user, int container);
  std::string release(const std::string& user);
  std::string expire(const std::string& user);

  // ---- containers, with the labels of the owner's last lease ----
  std::string container_holds(const std::string& user, int container, bool started = true);
  std::string container_gone(int container, bool exited = true, int exit_code = 0);
  std::string labelled(std::map<std::string, std::string> labels, int container,
                       bool started = true);

  std::string inventory(int gpus) { return apply(SetInventory{machine(gpus)}); }
  std::string set_slots(int gpu, int slots) {
    return apply(SetGpu{{gpu_id(gpu), slots, {}, {}}});
  }
  std::string drain(int gpu, bool on) { return apply(SetGpu{{gpu_id(gpu), {}, {}, on}}); }
  std::string faulted(int gpu, model::GpuFault fault) {
    return apply(GpuFaulted{gpu_id(gpu), std::move(fault)});
  }
  std::string clear(int gpu) { return apply(ClearFault{gpu_id(gpu)}); }
  std::string foreign(int container, model::GpuClaim claim, const std::string& image = "cuda");
  void passes(std::int64_t ms) { now.at.ms += ms; }
  // Time passes, and what is due is done.
  std::string ticks(std::int64_t ms) {
    passes(ms);
    return apply(Tick{});
  }
  // Starts anew from what was stored; the inventory is read again.
  void restart();
  // The same with an empty store of a new epoch.
  void lose_store();

  std::string show() const { return ledger->show(); }
  // The owner's newest lease: "ended container_exited 3".
  std::string fate(const std::string& user) const;
  const model::Lease& lease(const std::string& user) const;
  bool knows(const std::string& user) const { return newest_.contains(user); }
  std::map<std::string, std::string> labels(const std::string& user) const;
  std::string apply(const Command& what);
  model::Contents stored() const { return store_->disk(); }

  std::expected<Applied, Refusal> last;
  bool waits = false;  // of what is asked next
  model::Now now{.at = {0}, .wall = {1'790'000'000'000}};
  std::unique_ptr<Ledger> ledger;

 private:
  void open();

  WorldOptions options_;
  int lives_ = 1;
  policy::LeastUsed policy_;
  std::unique_ptr<store::MemoryStore> store_;
  std::map<std::string, model::Lease> newest_;
};

}  // namespace gpuhub::ledger
