// exhaustive [LENGTH]: every sequence of the alphabet below up to LENGTH (default 7), on two GPUs
// with two owners. Sequences that lead to the very same state (all of it, ids and times too) go on
// as one: the ledger is a function of its state, so what follows is the same for all of them. After
// each command the promises are checked. Prints how many sequences and distinct states there were.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "store/rows.hpp"
#include "world.hpp"

namespace gpuhub::ledger {
namespace {

struct Letter {
  const char* name;
  std::function<void(World&)> act;
};

bool asked(const World& world, const char* user) { return world.knows(user); }

// Owner a takes GPUs shared and may want both; b waits, alone or not.
const std::vector<Letter>& alphabet() {
  using enum model::Mode;
  static const std::vector<Letter> letters{
      {"a asks for 1", [](World& w) { w.ask("a", 1); }},
      {"a waits for 2", [](World& w) { w.wait("a", 2); }},
      {"b waits for 1", [](World& w) { w.wait("b", 1); }},
      {"b waits for 1 alone", [](World& w) { w.wait("b", model::WantCount{1}, exclusive); }},
      {"a binds", [](World& w) { if (asked(w, "a")) w.bind("a", 1); }},
      {"b binds", [](World& w) { if (asked(w, "b")) w.bind("b", 2); }},
      {"a releases", [](World& w) { if (asked(w, "a")) w.release("a"); }},
      {"b releases", [](World& w) { if (asked(w, "b")) w.release("b"); }},
      {"a's container starts", [](World& w) { if (asked(w, "a")) w.container_holds("a", 1); }},
      {"a's container ends", [](World& w) { w.container_gone(1); }},
      {"b's container ends", [](World& w) { w.container_gone(2); }},
      {"time passes", [](World& w) {
         w.ticks(200'000);
         for (const auto& id : w.ledger->overdue(w.now.at)) w.apply(Expire{id});
       }},
      {"gpu0 fails", [](World& w) { w.faulted(0, {model::FaultKind::xid, 79, "XID 79"}); }},
      {"the daemon restarts", [](World& w) { w.restart(); }},
  };
  return letters;
}

// All that decides what comes next.
std::string state_of(const World& world) {
  const Ledger& ledger = *world.ledger;
  auto text = std::format("{} {} {}\n", world.now.at.ms, ledger.next_serial(), ledger.show());
  for (const auto* lease : ledger.leases()) {
    text += store::write_lease(*lease);
    const auto place = ledger.place_of(lease->id);
    text += place ? std::format(" {}\n", place->renew_by.ms) : std::string{"\n"};
  }
  for (const auto* conflict : ledger.conflicts()) text += store::write_conflict(*conflict) + "\n";
  for (const auto& use : ledger.gpus()) {
    text += std::format("{} {} {} {} {}", use.leases, use.conflicts, use.reserved, use.shut,
                        use.exclusive);
    if (use.gpu->fault && use.gpu->fault->clears_at) {
      text += std::format(" {}", use.gpu->fault->clears_at->ms);
    }
    text += "\n";
  }
  return text;
}

// What must hold in every state; empty: it does.
std::string wrong_in(const World& world) {
  const Ledger& ledger = *world.ledger;
  for (const auto& use : ledger.gpus()) {
    const auto holders = ledger.live_on(use.gpu->info.id);
    if (std::cmp_greater(holders.size(), use.gpu->slots)) return "more leases than slots";
    const bool alone = std::ranges::any_of(
        holders, [](const auto* one) { return one->request.mode == model::Mode::exclusive; });
    if (alone && holders.size() > 1) return "exclusive is not alone";
  }
  std::set<model::Owner> holding;
  for (const auto* lease : ledger.live()) {
    if (lease->holds() && !holding.insert(lease->request.owner).second) return "two of one owner";
  }
  std::uint64_t last = 0;
  for (const auto* lease : ledger.queue()) {
    const std::string id{lease->id.str()};
    const auto serial = std::strtoull(id.c_str() + id.rfind('-') + 1, nullptr, 10);
    if (serial <= last) return "the queue is out of order";
    last = serial;
    if (ledger.place_of(lease->id)->why == "it is your turn") return "one that fits still waits";
  }
  const auto disk = world.stored();
  std::string stored, kept;
  for (const auto& lease : disk.leases) stored += store::write_lease(lease);
  for (const auto* lease : ledger.leases()) kept += store::write_lease(*lease);
  return stored == kept ? "" : "the store is not what the books are";
}

std::unique_ptr<World> world_after(const std::vector<std::uint8_t>& letters) {
  auto world = std::make_unique<World>(
      WorldOptions{.gpus = 2, .queue = {.timeout = model::Duration{900'000},
                                        .renew_timeout = model::Duration{500'000},
                                        .reserve_after = model::Duration{150'000}}});
  for (const auto letter : letters) alphabet().at(letter).act(*world);
  return world;
}

// 128 bits of the whole text: no two of some million states share them by chance.
using StateKey = std::pair<std::uint64_t, std::uint64_t>;
StateKey key_of(const std::string& text) {
  StateKey key{0xcbf29ce484222325U, 0x9e3779b97f4a7c15U};
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    key.first = (key.first ^ byte) * 0x100000001b3U;
    key.second = (key.second + byte) * 0xbf58476d1ce4e5b9U;
    key.second ^= key.second >> 29U;
  }
  return key;
}

struct Reached {
  std::vector<std::uint8_t> letters;  // one way there
  std::uint64_t ways = 0;             // how many sequences of this length lead there
};

int tell(const std::string& wrong, const World& world, const std::vector<std::uint8_t>& letters) {
  std::printf("%s, after:\n", wrong.c_str());
  for (const auto one : letters) std::printf("  %s\n", alphabet().at(one).name);
  std::printf("  %s\n", world.show().c_str());
  return 1;
}

int run(int length) {
  std::map<StateKey, Reached> level;
  std::set<StateKey> states;
  level[key_of(state_of(*world_after({})))].ways = 1;
  std::uint64_t sequences = 0;
  for (int n = 1; n <= length; ++n) {
    std::map<StateKey, Reached> next;
    for (const auto& [key, from] : level) {
      for (std::uint8_t letter = 0; letter < alphabet().size(); ++letter) {
        auto letters = from.letters;
        letters.push_back(letter);
        const auto world = world_after(letters);
        const auto wrong = wrong_in(*world);
        if (!wrong.empty()) return tell(wrong, *world, letters);
        auto& reached = next[key_of(state_of(*world))];
        if (reached.ways == 0) reached.letters = std::move(letters);
        reached.ways += from.ways;
        sequences += from.ways;
      }
    }
    for (const auto& [key, reached] : next) states.insert(key);
    level = std::move(next);
  }
  std::printf("%zu letters, up to %d of them: %llu sequences, %zu distinct states, all held\n",
              alphabet().size(), length, static_cast<unsigned long long>(sequences), states.size());
  return 0;
}

}  // namespace
}  // namespace gpuhub::ledger

int main(int count, char** words) {
  int length = 7;
  if (count > 1) {
    const auto* end = words[1] + std::strlen(words[1]);
    const auto read = std::from_chars(words[1], end, length);
    if (count > 2 || read.ec != std::errc{} || read.ptr != end || length < 1) {
      std::fputs("exhaustive [LENGTH]\n", stderr);
      return 2;
    }
  }
  return gpuhub::ledger::run(length);
}
