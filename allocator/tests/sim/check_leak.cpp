// Once faults have stopped and time has passed, everything has settled: books and engine agree,
// the disk is what the memory is, every request was answered, and where no container is left, no
// lease and no conflict is either.
#include <format>
#include <set>

#include "checker.hpp"
#include "store/rows.hpp"

namespace gpuhub::sim {
namespace {

class Leak final : public Checker {
 public:
  explicit Leak(const Truth& watched) : Checker("leak", watched) {}

  void settled() override {
    if (truth.waiting > 0) fail(std::format("{} requests were never answered", truth.waiting));
    same_on_disk();
    std::set<model::ContainerId> counted;
    for (const auto* lease : truth.ledger->leases()) {
      if (!lease->live()) continue;
      if (!lease->container) {
        fail(std::format("{} is still unbound", lease->id.str()));
        continue;
      }
      counted.insert(*lease->container);
      const auto* container = truth.engine.find(*lease->container);
      if (container == nullptr || container->state == runtime::ContainerState::exited) {
        fail(std::format("{} still holds, and its container does not", lease->id.str()));
      }
    }
    for (const auto* conflict : truth.ledger->conflicts()) {
      const auto* container = truth.engine.find(conflict->container);
      if (container == nullptr || !runtime::FakeRuntime::holds(*container)) {
        fail("conflict " + conflict->name + " is still counted, and does not run");
      }
      counted.insert(conflict->container);
    }
    for (const auto& [id, container] : truth.engine.containers()) {
      if (counted.contains(id) || !container.names_lease()) continue;
      if (runtime::FakeRuntime::holds(container)) {
        fail(container.name + " runs, and nothing counts its GPUs");
      }
      if (container.state == runtime::ContainerState::created && !of_live_lease(container)) {
        fail(container.name + " was only created, its lease has ended, and it is still there");
      }
    }
  }
  void quiet() override {
    settled();
    for (const auto* lease : truth.ledger->leases()) {
      if (!lease->live()) continue;
      fail(std::format("{} leaks: {}", lease->id.str(), to_string(lease->state)));
    }
    for (const auto& use : truth.ledger->gpus()) {
      if (use.leases + use.conflicts == 0) continue;
      fail(std::format("{} is not free", use.gpu->info.id.str()));
    }
  }

 private:
  bool of_live_lease(const runtime::Container& container) const {
    const auto label = container.labels.find("gpuhub.lease");
    const auto id = model::LeaseId::parse(label->second);
    const auto* lease = truth.ledger->find(*id);
    return lease == nullptr || lease->live();  // a forgotten one is another's to clean
  }
  void same_on_disk() const {
    const auto disk = truth.disk.disk();
    const auto memory = truth.ledger->leases();
    if (disk.leases.size() != memory.size()) {
      fail(std::format("{} leases on disk, {} in memory", disk.leases.size(), memory.size()));
      return;
    }
    for (std::size_t i = 0; i < memory.size(); ++i) {
      if (store::write_lease(disk.leases.at(i)) != store::write_lease(*memory.at(i))) {
        fail(std::format("{} is not the same on disk", memory.at(i)->id.str()));
      }
    }
  }
};

}  // namespace

std::unique_ptr<Checker> leak_checker(const Truth& truth) { return std::make_unique<Leak>(truth); }

}  // namespace gpuhub::sim
