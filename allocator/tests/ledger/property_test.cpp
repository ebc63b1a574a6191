// Random commands, shrunk to the shortest that breaks a promise. What must hold after each one:
// no GPU has more leases than slots unless it already had, exclusive means alone, a container and
// an owner have at most one live lease, a refusal changes nothing, and what was stored is exactly
// what the books say, also after starting anew from it.
#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "store/rows.hpp"
#include "world.hpp"

namespace gpuhub::ledger {
namespace {

enum class Verb {
  ask, ask_exclusive, ask_named, ask_none, retry, bind, release, expire, holds, holds_created, gone,
  slots, inventory, pass, restart
};
constexpr int verbs = 15;

struct Step {
  Verb verb;
  int user;
  int number;
};

std::ostream& operator<<(std::ostream& out, const Step& step) {
  static constexpr const char* names[verbs] = {
      "ask", "ask_exclusive", "ask_named", "ask_none", "retry", "bind", "release", "expire",
      "holds", "holds_created", "gone", "slots", "inventory", "pass", "restart"};
  return out << names[static_cast<int>(step.verb)] << ' ' << step.user << ' ' << step.number;
}

rc::Gen<std::vector<Step>> steps() {
  const auto step = rc::gen::map(
      rc::gen::tuple(rc::gen::inRange(0, verbs), rc::gen::inRange(0, 4), rc::gen::inRange(0, 5)),
      [](const std::tuple<int, int, int>& of) {
        return Step{static_cast<Verb>(std::get<0>(of)), std::get<1>(of), std::get<2>(of)};
      });
  return rc::gen::scale(4, rc::gen::container<std::vector<Step>>(step));
}

// All that the books and the store hold, as text.
std::string text_of(const std::vector<model::Lease>& leases,
                    const std::vector<model::Conflict>& conflicts) {
  std::string text;
  for (const auto& lease : leases) text += store::write_lease(lease) + "\n";
  for (const auto& conflict : conflicts) text += store::write_conflict(conflict) + "\n";
  return text;
}
std::string text_of(const Ledger& ledger) {
  std::vector<model::Lease> leases;
  for (const auto* lease : ledger.leases()) leases.push_back(*lease);
  std::vector<model::Conflict> conflicts;
  for (const auto* conflict : ledger.conflicts()) conflicts.push_back(*conflict);
  // Missing GPUs are only shown: their places, and unheld ones, may differ after a restart.
  std::set<std::string> gpus;
  for (const auto& use : ledger.gpus()) {
    if (!use.gpu->present && use.leases + use.conflicts == 0) continue;
    gpus.insert(std::format("{} {} {} {} {}\n", use.gpu->info.id.str(),
                            use.gpu->present ? use.gpu->slots : 0, use.leases, use.conflicts,
                            use.exclusive));
  }
  std::string text = text_of(leases, conflicts);
  for (const auto& gpu : gpus) text += gpu;
  return text;
}

class Script {
 public:
  void step(const Step& step) {
    const auto before = text_of(*world_.ledger);
    const auto used_before = used_;
    const auto answer = act(step);
    RC_LOG() << step << ": " << answer << "  " << world_.show() << std::endl;
    const auto after = text_of(*world_.ledger);
    if (!world_.last) RC_ASSERT(before == after);
    check_gpus(used_before);
    check_leases();
    const auto disk = world_.stored();
    RC_ASSERT(after.starts_with(text_of(disk.leases, disk.conflicts)));
  }
  void restart_changes_nothing() {
    const auto before = text_of(*world_.ledger);
    world_.restart();
    world_.inventory(gpus_);
    RC_ASSERT(text_of(*world_.ledger) == before);
  }

 private:
  std::string act(const Step& step);
  void check_gpus(const std::map<model::GpuId, int>& used_before);
  void check_leases() const;
  bool known(const std::string& user) const { return asked_.contains(user); }

  World world_{{.gpus = 3, .slots = 2, .history = 6}};
  int gpus_ = 3;
  std::map<model::GpuId, int> used_;
  std::set<std::string> asked_;
};

std::string Script::act(const Step& step) {
  const auto user = std::string(1, static_cast<char>('a' + step.user));
  const auto asked = [&](std::string answer) {
    if (world_.last) asked_.insert(user);
    return answer;
  };
  world_.last = Applied{};
  switch (step.verb) {
    case Verb::ask: return asked(world_.ask(user, step.number + 1));
    case Verb::ask_exclusive:
      return asked(world_.ask(user, model::WantCount{step.number % 3 + 1}, model::Mode::exclusive));
    case Verb::ask_named:
      return asked(world_.ask(user, model::WantGpus{{gpu_id(step.number), gpu_id(0)}}));
    case Verb::ask_none: return asked(world_.ask(user, model::WantNone{}));
    case Verb::slots: return world_.set_slots(step.user, step.number + 1);
    case Verb::inventory:
      gpus_ = step.number;
      return world_.inventory(gpus_);
    case Verb::pass: world_.passes(100'000); return "";
    case Verb::gone: return world_.container_gone(step.number, step.user != 0, step.user);
    case Verb::restart: restart_changes_nothing(); return "";
    default: break;
  }
  if (!known(user)) return "";
  switch (step.verb) {
    case Verb::retry:
      return world_.ask(user, model::WantCount{1}, model::Mode::shared,
                        std::string{world_.lease(user).request.id.str()});
    case Verb::bind: return world_.bind(user, step.number);
    case Verb::release: return world_.release(user);
    case Verb::expire: return world_.expire(user);
    case Verb::holds: return world_.container_holds(user, step.number);
    default: return world_.container_holds(user, step.number, false);
  }
}

void Script::check_gpus(const std::map<model::GpuId, int>& used_before) {
  used_.clear();
  for (const auto& use : world_.ledger->gpus()) {
    const auto& id = use.gpu->info.id;
    const auto holders = world_.ledger->live_on(id);
    RC_ASSERT(std::cmp_equal(use.leases, holders.size()));
    used_[id] = use.leases;
    const auto was = used_before.find(id);
    const int before = was == used_before.end() ? 0 : was->second;
    RC_ASSERT(use.leases <= std::max(before, use.gpu->slots));
    const bool alone = std::ranges::any_of(holders, [](const auto* lease) {
      return lease->request.mode == model::Mode::exclusive;
    });
    RC_ASSERT(!alone || holders.size() == 1);
    RC_ASSERT(use.exclusive == alone);
  }
}

void Script::check_leases() const {
  std::set<model::ContainerId> bound;
  std::set<model::Owner> owners;
  std::size_t ended = 0;
  for (const auto* lease : world_.ledger->leases()) {
    RC_ASSERT(store::read_lease(store::write_lease(*lease)).has_value());
    ended += lease->live() ? 0 : 1;
    if (!lease->live()) continue;
    RC_ASSERT(owners.insert(lease->request.owner).second);
    if (lease->container) RC_ASSERT(bound.insert(*lease->container).second);
  }
  RC_ASSERT(ended <= 6U);
}

TEST(LedgerProperty, PromisesHoldAfterRandomCommands) {
  const bool held = rc::check("the books keep their promises", [] {
    const auto commands = *steps();
    Script run;
    for (const auto& step : commands) run.step(step);
    run.restart_changes_nothing();
  });
  EXPECT_TRUE(held);
}

}  // namespace
}  // namespace gpuhub::ledger
