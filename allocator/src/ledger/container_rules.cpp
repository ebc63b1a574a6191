// What the runtime says about containers: who holds GPUs, who has let go.
#include <algorithm>
#include <charconv>
#include <string_view>

#include "ledger/rules.hpp"
#include "model/labels.hpp"

namespace gpuhub::ledger {
namespace {

// The number at the end of "L-<epoch>-<serial>"; nullopt: there is none that we could have given.
std::optional<std::uint64_t> serial_of(const model::LeaseId& id) {
  constexpr std::uint64_t serial_max = 1ULL << 53U;
  const auto dash = id.str().rfind('-');
  const std::string_view digits = std::string_view{id.str()}.substr(dash + 1);
  std::uint64_t serial = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), serial);
  if (error != std::errc{} || end != digits.end() || serial >= serial_max) return std::nullopt;
  return serial;
}

}  // namespace

std::optional<model::Lease> Ledger::Rules::from_labels(const ContainerHolds& holds) const {
  const auto says = model::read_labels(holds.labels);
  if (!says.lease || !says.epoch || !says.owner || !says.gpus || !says.mode) return std::nullopt;
  auto request = model::RequestId::parse("rebuilt." + says.lease->str());
  if (!request || books.find(*request) != nullptr) return std::nullopt;
  return model::Lease{
      .id = *says.lease,
      .request = {.id = *request, .owner = *says.owner, .groups = {},
                  .want = model::WantGpus{*says.gpus}, .mode = *says.mode,
                  .capabilities = settings.default_capabilities},
      .host = settings.host, .epoch = *says.epoch, .state = model::LeaseState::granted,
      .gpus = *says.gpus,
      .container = {}, .granted_at = now.at, .bind_expires_at = now.at + settings.bind_timeout,
      .created_wall = now.wall, .bound_wall = {}, .ended_wall = {}, .reason = {}, .exit_code = {},
      .oom_killed = {}};
}

void Ledger::Rules::note_conflict(const ContainerHolds& holds, std::optional<model::LeaseId> lease,
                                  const std::vector<model::GpuId>& gpus, Applied& into) {
  const model::Conflict conflict{holds.container, holds.name, std::move(lease), gpus, now.wall};
  if (!books.conflicts.emplace(conflict.container, conflict).second) return;
  for (const auto& id : gpus) {
    if (books.gpu(id) == nullptr) {
      books.gpus.push_back({.info = {.id = id, .model = {}, .memory = {}, .minor = {}, .pci_bus = {},
                                     .devices = {}, .mounts = {}, .slots = {}},
                            .index = static_cast<int>(books.gpus.size()), .slots = 1, .label = {},
                            .present = false});
    }
  }
  into.events.emplace_back(conflict);
}

// May the books take this lease in, that only labels tell of? Not one that was forgotten (it ended
// long ago), and not in the place of one that we granted. Leases from before the store was lost may
// share a GPU as they did then, whatever its slots were: that, too, was lost.
bool Ledger::Rules::may_rebuild(const model::Lease& lease) {
  if (lease.epoch == epoch) {
    const auto serial = serial_of(lease.id);
    if (!serial || *serial < next_serial) return false;
    next_serial = *serial + 1;  // an older copy of the store was put back: never give an id twice
  }
  const auto granted_by_us = [&](const model::Lease* other) { return other->epoch == epoch; };
  if (std::ranges::any_of(books.live_of(lease.request.owner), granted_by_us)) return false;
  for (const auto& use : books.uses()) {
    if (!use.gpu->present || !std::ranges::contains(lease.gpus, use.gpu->info.id)) continue;
    const bool alone = use.exclusive || lease.request.mode == model::Mode::exclusive;
    const bool room = use.free_slots() > 0 && !(alone && use.leases > 0);
    if (!room && std::ranges::any_of(books.live_on(use.gpu->info.id), granted_by_us)) return false;
  }
  return true;
}

// A container that runs is believed: it takes up its grant, or it is rebuilt into the books, or it
// is a conflict. One that was only created is nothing yet, but for a lost store (see below).
Outcome Ledger::Rules::operator()(const ContainerHolds& holds) {
  Applied done;
  if (const auto* bound = books.by_container(holds.container)) {
    done.lease = bound->id;
    return done;
  }
  if (books.conflicts.contains(holds.container)) return done;
  const auto id = model::read_labels(holds.labels).lease;
  if (!id) return done;

  if (const auto* lease = books.find(*id)) {
    if (!holds.started) return done;
    if (lease->state != model::LeaseState::granted) {
      note_conflict(holds, lease->id, lease->gpus, done);
      return done;
    }
    take_up(*lease, holds.container, done);
    return done;
  }

  auto rebuilt = from_labels(holds);
  if (!rebuilt) return done;
  if (!may_rebuild(*rebuilt)) {
    if (holds.started) note_conflict(holds, rebuilt->id, rebuilt->gpus, done);
    return done;
  }
  // A created one may have been bound in the lost store and be about to start: it holds its GPUs as
  // an unbound grant until then, or until the bind timeout removes it.
  if (holds.started) {
    take_up(*std::move(rebuilt), holds.container, done);
  } else {
    change(*rebuilt, done);
  }
  return done;
}

Outcome Ledger::Rules::operator()(const ContainerGone& gone) {
  Applied done;
  if (books.conflicts.erase(gone.container) > 0) {
    done.events.emplace_back(model::ConflictEnded{gone.container});
  }
  const auto* lease = books.by_container(gone.container);
  if (lease == nullptr) return done;
  model::Lease ended = *lease;
  ended.exit_code = gone.exit_code;
  ended.oom_killed = gone.oom_killed;
  const auto reason = lease->state == model::LeaseState::ending ? model::EndReason::released
                      : gone.exited                             ? model::EndReason::container_exited
                                                                : model::EndReason::container_gone;
  end(std::move(ended), reason, done);
  return done;
}

}  // namespace gpuhub::ledger
