#include "daemon/held.hpp"

namespace gpuhub::daemon {

std::vector<usage::Held> held(const ledger::Ledger& ledger) {
  std::vector<usage::Held> out;
  for (const model::Lease* lease : ledger.live()) {
    if (!lease->container || lease->gpus.empty()) continue;
    out.push_back({.lease = lease->id, .container = *lease->container, .gpus = lease->gpus});
  }
  return out;
}

usage::Watchers watchers(const ledger::Ledger& ledger) {
  usage::Watchers out;
  for (const model::Foreign* one : ledger.foreign()) {
    if (one->watches) out.insert(one->container);
  }
  return out;
}

}  // namespace gpuhub::daemon
