// What the runtime says about containers: who holds GPUs, who has let go.
#include <algorithm>
#include <ranges>
#include <string_view>

#include "ledger/rules.hpp"
#include "model/assert.hpp"

namespace gpuhub::ledger {
namespace {

using Labels = std::map<std::string, std::string>;

std::string_view label(const Labels& labels, const char* key) {
  const auto at = labels.find(key);
  return at == labels.end() ? std::string_view{} : std::string_view{at->second};
}

// "GPU-a,GPU-b" -> ids; nullopt if any part is no id. Empty text: no GPUs.
std::optional<std::vector<model::GpuId>> parse_gpus(std::string_view text) {
  std::vector<model::GpuId> ids;
  if (text.empty()) return ids;
  for (const auto part : std::views::split(text, ',')) {
    auto id = model::GpuId::parse(std::string_view{part});
    if (!id || std::ranges::contains(ids, *id) || ids.size() == model::gpus_max) {
      return std::nullopt;
    }
    ids.push_back(*std::move(id));
  }
  return ids;
}

// "hub/user/server"; user names hold no slash.
std::optional<model::Owner> parse_owner(std::string_view text) {
  const auto first = text.find('/');
  if (first == std::string_view::npos) return std::nullopt;
  const auto second = text.find('/', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  auto hub = model::HubName::parse(text.substr(0, first));
  const auto user = text.substr(first + 1, second - first - 1);
  const auto server = text.substr(second + 1);
  if (!hub || user.empty() || user.size() > 255 || server.size() > 255) return std::nullopt;
  return model::Owner{*hub, std::string{user}, std::string{server}};
}

}  // namespace

std::optional<model::Lease> Ledger::Rules::from_labels(const ContainerHolds& holds) const {
  auto id = model::LeaseId::parse(label(holds.labels, "gpuhub.lease"));
  auto made_in = model::Epoch::parse(label(holds.labels, "gpuhub.epoch"));
  auto owner = parse_owner(label(holds.labels, "gpuhub.owner"));
  auto gpus = parse_gpus(label(holds.labels, "gpuhub.gpus"));
  const auto mode = model::parse_mode(label(holds.labels, "gpuhub.mode"));
  if (!id || !made_in || !owner || !gpus || !mode) return std::nullopt;
  auto request = model::RequestId::parse("rebuilt." + id->str());
  if (!request) return std::nullopt;
  return model::Lease{
      .id = *id,
      .request = {.id = *request, .owner = *owner, .groups = {}, .want = model::WantGpus{*gpus},
                  .mode = *mode, .capabilities = settings.default_capabilities},
      .host = settings.host, .epoch = *made_in, .state = model::LeaseState::granted, .gpus = *gpus,
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

// A container that runs is believed: it takes up its grant, or it is rebuilt into the books, or it
// is a conflict. One that was only created is nothing yet, but for a lost store (see below).
Outcome Ledger::Rules::operator()(const ContainerHolds& holds) {
  Applied done;
  if (const auto* bound = books.by_container(holds.container)) {
    done.lease = bound->id;
    return done;
  }
  if (books.conflicts.contains(holds.container)) return done;
  const auto id = model::LeaseId::parse(label(holds.labels, "gpuhub.lease"));
  if (!id) return done;

  if (const auto* lease = books.find(*id)) {
    if (!holds.started) return done;
    if (lease->state != model::LeaseState::granted) {
      note_conflict(holds, lease->id, lease->gpus, done);
      return done;
    }
    model::Lease bound = *lease;
    bound.state = model::LeaseState::active;
    bound.container = holds.container;
    bound.bound_wall = now.wall;
    change(bound, done);
    return done;
  }

  auto rebuilt = from_labels(holds);
  if (!rebuilt) return done;
  const bool ours = rebuilt->epoch == epoch;  // then it was forgotten: ended long ago
  const bool fits = !ours && books.live_of(rebuilt->request.owner).empty() &&
                    std::ranges::all_of(rebuilt->gpus, [&](const auto& gpu) {
                      const auto uses = books.uses();
                      const auto at = std::ranges::find(
                          uses, gpu, [](const auto& use) { return use.gpu->info.id; });
                      return at == uses.end() || !at->gpu->present || at->free_slots() > 0;
                    });
  if (!fits) {
    if (holds.started) note_conflict(holds, rebuilt->id, rebuilt->gpus, done);
    return done;
  }
  // A created one may have been bound in the lost store and be about to start: it holds its GPUs as
  // an unbound grant until then, or until the bind timeout removes it.
  if (holds.started) {
    rebuilt->state = model::LeaseState::active;
    rebuilt->container = holds.container;
    rebuilt->bound_wall = now.wall;
  }
  change(*rebuilt, done);
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
