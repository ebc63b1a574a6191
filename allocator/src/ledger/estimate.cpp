#include "ledger/estimate.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "ledger/books.hpp"

namespace gpuhub::ledger {
namespace {

constexpr int rounds = 100;
constexpr std::int64_t ending_ms_max = 15'000;  // a container that is being stopped lasts no longer

// A fixed sequence (splitmix64), so that the estimate is a function of the books alone.
class Draws {
 public:
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  std::int64_t below(std::int64_t limit) {
    return limit <= 0 ? 0 : static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(limit));
  }

 private:
  std::uint64_t state_ = 1;
};

struct Gpu {
  int slots = 0;  // 0: out of service
  int taken = 0;
  bool exclusive = false;
  bool room(bool alone) const {
    return !exclusive && taken < slots && (!alone || taken == 0);
  }
};
struct Holder {
  std::vector<std::size_t> gpus;
  bool alone = false;
  bool ending = false;
  std::int64_t age_ms = 0;
};
struct Waiting {
  std::size_t count = 0;
  std::vector<std::size_t> named;  // else `count` of any
  bool alone = false;
  bool never = false;              // however many end
  std::int64_t long_wait_ms = 0;   // from now on places are kept for it
};

// The machine, who holds it and who waits, in numbers.
struct Scene {
  std::vector<Gpu> gpus;
  std::vector<Holder> holders;
  std::vector<Waiting> queue;
};

class Round {
 public:
  Round(const Scene& scene, const History& history, Draws& draws)
      : scene_(scene), history_(history), draws_(draws), gpus_(scene.gpus),
        starts_(scene.queue.size()), left_(scene.queue.size()) {
    for (const Gpu& gpu : gpus_) open_ += gpu.room(false) ? 1 : 0;
  }

  // When each of the queue starts; nullopt: never.
  const std::vector<std::optional<std::int64_t>>& play() {
    for (const Holder& holder : scene_.holders) {
      ends_.emplace(left_of(holder), Running{holder.gpus, holder.alone});
    }
    serve(0);
    while (left_ > 0 && !ends_.empty()) {
      const auto first = ends_.begin();
      const auto now = first->first;
      for (const auto gpu : first->second.gpus) {
        change(gpus_.at(gpu), [](Gpu& freed) {
          --freed.taken;
          freed.exclusive = false;
        });
      }
      ends_.erase(first);
      serve(now);
    }
    return starts_;
  }

 private:
  struct Running {
    std::vector<std::size_t> gpus;
    bool alone;
  };

  // One that has lasted so long lasts as one of those that lasted longer; where none did, up to as
  // long again.
  std::int64_t left_of(const Holder& holder) {
    if (holder.ending) return draws_.below(ending_ms_max);
    longer_.clear();
    for (const auto lasted : history_.of(holder.gpus.size())) {
      if (lasted.count() > holder.age_ms) longer_.push_back(lasted.count());
    }
    if (longer_.empty()) return draws_.below(holder.age_ms + 1);
    const auto at = draws_.below(static_cast<std::int64_t>(longer_.size()));
    return longer_.at(static_cast<std::size_t>(at)) - holder.age_ms;
  }
  std::int64_t whole(std::size_t gpus) {
    const auto past = history_.of(gpus);
    if (past.empty()) return 0;
    const auto at = draws_.below(static_cast<std::int64_t>(past.size()));
    return past[static_cast<std::size_t>(at)].count();
  }
  template <typename Change>
  void change(Gpu& gpu, const Change& how) {
    open_ -= gpu.room(false) ? 1 : 0;
    how(gpu);
    open_ += gpu.room(false) ? 1 : 0;
  }
  void serve(std::int64_t now) {
    std::size_t kept = 0;  // of the open ones, for those who have waited long
    for (std::size_t i = 0; i < scene_.queue.size(); ++i) {
      const Waiting& waiting = scene_.queue.at(i);
      if (starts_.at(i)) continue;
      const auto wanted = std::max(waiting.count, waiting.named.size());
      if (waiting.never || open_ - std::min(kept, open_) < wanted || !choose(waiting)) {
        if (!waiting.never && waiting.long_wait_ms <= now) kept += wanted;
        continue;
      }
      for (const auto gpu : chosen_) {
        change(gpus_.at(gpu), [&](Gpu& taken) {
          ++taken.taken;
          taken.exclusive = waiting.alone;
        });
      }
      starts_.at(i) = now;
      --left_;
      ends_.emplace(now + whole(chosen_.size()), Running{chosen_, waiting.alone});
    }
  }
  bool choose(const Waiting& waiting) {
    chosen_.clear();
    if (!waiting.named.empty()) {
      chosen_ = waiting.named;
      return std::ranges::all_of(chosen_, [&](auto g) { return gpus_.at(g).room(waiting.alone); });
    }
    for (std::size_t g = 0; g < gpus_.size() && chosen_.size() < waiting.count; ++g) {
      if (gpus_.at(g).room(waiting.alone)) chosen_.push_back(g);
    }
    return chosen_.size() == waiting.count;
  }

  const Scene& scene_;
  const History& history_;
  Draws& draws_;
  std::vector<Gpu> gpus_;
  std::vector<std::optional<std::int64_t>> starts_;
  std::size_t left_;      // not yet started
  std::size_t open_ = 0;  // GPUs with a free slot
  std::multimap<std::int64_t, Running> ends_;
  std::vector<std::size_t> chosen_;
  std::vector<std::int64_t> longer_;
};

Scene scene_of(const Books& books, model::Instant at, model::Duration reserve_after) {
  Scene scene;
  std::map<model::GpuId, std::size_t> places;
  for (const auto& use : books.room.gpus()) {
    const bool open = use.gpu->in_service() && !(use.shut && use.foreign > 0);
    places.emplace(use.gpu->info.id, scene.gpus.size());
    scene.gpus.push_back({.slots = open ? use.gpu->slots : 0, .taken = use.conflicts,
                          .exclusive = false});
  }
  for (const auto* lease : books.live()) {
    if (!lease->holds() || lease->gpus.empty()) continue;
    Holder holder{.gpus = {}, .alone = lease->request.mode == model::Mode::exclusive,
                  .ending = lease->state == model::LeaseState::ending,
                  .age_ms = (at - lease->granted_at.value_or(at)).count()};
    for (const auto& id : lease->gpus) {
      const auto place = places.at(id);
      holder.gpus.push_back(place);
      ++scene.gpus.at(place).taken;
      scene.gpus.at(place).exclusive = scene.gpus.at(place).exclusive || holder.alone;
    }
    scene.holders.push_back(std::move(holder));
  }
  for (const Seq seq : books.queue()) {
    const model::Request& request = books.at(seq).request;
    Waiting waiting{.count = 0, .named = {}, .alone = request.mode == model::Mode::exclusive,
                    .never = false,
                    .long_wait_ms = (books.at(seq).asked_at + reserve_after - at).count()};
    if (const auto* some = std::get_if<model::WantCount>(&request.want)) {
      waiting.count = static_cast<std::size_t>(some->count);
    } else if (const auto* ids = std::get_if<model::WantGpus>(&request.want)) {
      for (const auto& id : ids->gpus) {
        const auto place = places.find(id);
        waiting.never = waiting.never || place == places.end();
        if (!waiting.never) waiting.named.push_back(place->second);
      }
    } else if (std::holds_alternative<model::WantAll>(request.want)) {
      for (std::size_t g = 0; g < scene.gpus.size(); ++g) {
        if (scene.gpus.at(g).slots > 0) waiting.named.push_back(g);
      }
      waiting.never = waiting.named.empty();
    }
    scene.queue.push_back(std::move(waiting));
    if (scene.queue.size() == estimate_queue_max) break;
  }
  return scene;
}

}  // namespace

std::vector<std::optional<Estimate>> estimate(const Books& books, model::Instant at,
                                              model::Duration reserve_after) {
  std::vector<std::optional<Estimate>> all(books.queue().size());
  if (all.empty() || books.room.gpus().size() > estimate_gpus_max ||
      books.live_count() > estimate_leases_max || books.history.of(1).empty()) {
    return all;
  }
  const Scene scene = scene_of(books, at, reserve_after);
  std::vector<std::vector<std::int64_t>> starts(scene.queue.size());
  Draws draws;
  for (int round = 0; round < rounds; ++round) {
    Round play{scene, books.history, draws};
    const auto& found = play.play();
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (found.at(i)) starts.at(i).push_back(*found.at(i));
    }
  }
  for (std::size_t i = 0; i < starts.size(); ++i) {
    auto& times = starts.at(i);
    if (std::cmp_less(times.size(), rounds / 2)) continue;
    std::ranges::sort(times);
    const auto share = [&](std::size_t percent) {
      return model::Duration{times.at((times.size() - 1) * percent / 100)};
    };
    // Wider than the tenth and the ninetieth: the draws' spread does not hold how much the past may
    // mislead. tests/sim/calibration measures what comes of it.
    all.at(i) = Estimate{.early = share(7), .likely = share(50), .late = share(93)};
  }
  return all;
}

}  // namespace gpuhub::ledger
