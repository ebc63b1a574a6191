#include "ledger/history.hpp"

namespace gpuhub::ledger {

std::size_t History::kind_of(std::size_t gpus) {
  if (gpus <= 2) return gpus;
  return gpus <= 4 ? 3 : 4;
}

void History::Ring::add(model::Duration duration) {
  if (durations.size() < kept_max) {
    durations.push_back(duration);
  } else {
    durations.at(next) = duration;
    next = (next + 1) % kept_max;
  }
}

void History::add(const model::Lease& ended) {
  if (!ended.granted_at || !ended.ended_at) return;
  const auto lasted = *ended.ended_at - *ended.granted_at;
  kinds_.at(kind_of(ended.gpus.size())).add(lasted);
  if (!ended.gpus.empty()) any_.add(lasted);
}

std::span<const model::Duration> History::of(std::size_t gpus) const {
  const Ring& kind = kinds_.at(kind_of(gpus));
  const Ring& best = kind.durations.size() >= enough ? kind : any_;
  if (best.durations.size() < enough) return {};
  return best.durations;
}

}  // namespace gpuhub::ledger
