// Ask, bind, release, expire: what owners and time do to leases.
#include <algorithm>
#include <format>

#include "ledger/rules.hpp"
#include "model/assert.hpp"

namespace gpuhub::ledger {
namespace {

std::unexpected<Refusal> refuse(Reason reason, std::string detail,
                                std::vector<model::LeaseId> blocked_by = {}) {
  return std::unexpected(Refusal{reason, std::move(detail), std::move(blocked_by)});
}

Applied unchanged(const model::Lease& lease) { return {.events = {}, .lease = lease.id, .existed = true}; }

// Live leases that stand in the way of `want`, each once, in index order of their GPUs.
std::vector<model::LeaseId> in_the_way(const Books& books, const model::Want& want,
                                       const std::set<model::LeaseId>& without) {
  const auto asked_for = [&](const model::Gpu& gpu) {
    if (const auto* named = std::get_if<model::WantGpus>(&want)) {
      return std::ranges::contains(named->gpus, gpu.info.id);
    }
    if (const auto* placed = std::get_if<model::WantPositions>(&want)) {
      return std::ranges::contains(placed->indices, gpu.index);
    }
    return true;
  };
  std::vector<model::LeaseId> found;
  for (const model::Gpu& gpu : books.gpus) {
    if (!asked_for(gpu)) continue;
    for (const model::Lease* lease : books.live_on(gpu.info.id)) {
      if (!without.contains(lease->id) && !std::ranges::contains(found, lease->id)) {
        found.push_back(lease->id);
      }
    }
  }
  return found;
}

}  // namespace

void Ledger::Rules::change(const model::Lease& lease, Applied& into) {
  books.put(lease);
  into.events.emplace_back(lease);
  into.lease = lease.id;
}

void Ledger::Rules::take_up(model::Lease lease, const model::ContainerId& container,
                            Applied& into) {
  GPUHUB_ASSERT(lease.state == model::LeaseState::granted);
  lease.state = model::LeaseState::active;
  lease.container = container;
  lease.bound_wall = now.wall;
  change(lease, into);
}

void Ledger::Rules::end(model::Lease lease, model::EndReason reason, Applied& into) {
  GPUHUB_ASSERT(lease.live());
  lease.state = model::LeaseState::ended;
  lease.reason = reason;
  lease.ended_wall = now.wall;
  change(lease, into);
}

void Ledger::Rules::check_slots(const model::Lease& granted) const {
  for (const auto& id : granted.gpus) {
    const auto holders = books.live_on(id);
    const auto gpu = std::ranges::find(books.gpus, id, [](const auto& g) { return g.info.id; });
    GPUHUB_ASSERT(gpu != books.gpus.end() && gpu->present);
    GPUHUB_ASSERT(std::cmp_less_equal(holders.size(), gpu->slots));
    const bool any_exclusive = std::ranges::any_of(
        holders, [](const auto* l) { return l->request.mode == model::Mode::exclusive; });
    GPUHUB_ASSERT(!any_exclusive || holders.size() == 1);
  }
}

Outcome Ledger::Rules::operator()(const Ask& ask) {
  const model::Request& request = ask.request;
  if (const auto* known = books.find(request.id)) {
    if (known->request.owner != request.owner) {
      return refuse(Reason::request_reused, "this request_id was used by another owner");
    }
    return unchanged(*known);
  }
  std::set<model::LeaseId> replaced;
  for (const auto* older : books.live_of(request.owner)) {
    if (older->state == model::LeaseState::active) {
      return refuse(Reason::owner_active, "this server already has a lease; end it first", {older->id});
    }
    if (older->state == model::LeaseState::ending) {
      return refuse(Reason::owner_ending, "this server's earlier container still runs; it is ending",
                    {older->id});
    }
    replaced.insert(older->id);
  }
  auto picked = policy.pick(books.uses(replaced), request.want, request.mode);
  if (!picked) {
    const bool never = picked.error().why == policy::WhyNot::never;
    return refuse(never ? Reason::impossible : Reason::no_gpu_free, picked.error().detail,
                  never ? std::vector<model::LeaseId>{}
                        : in_the_way(books, request.want, replaced));
  }

  Applied done;
  for (const auto& id : replaced) end(*books.find(id), model::EndReason::replaced, done);
  const auto id = model::LeaseId::parse(std::format("L-{}-{}", epoch.str(), next_serial++));
  GPUHUB_ASSERT(id.has_value());
  model::Lease lease{.id = *id, .request = request, .host = settings.host, .epoch = epoch,
                     .state = model::LeaseState::granted, .gpus = *picked, .container = {},
                     .granted_at = now.at, .bind_expires_at = now.at + settings.bind_timeout,
                     .created_wall = now.wall, .bound_wall = {}, .ended_wall = {}, .reason = {},
                     .exit_code = {}, .oom_killed = {}};
  if (lease.request.capabilities.empty()) {
    lease.request.capabilities = settings.default_capabilities;
  }
  change(lease, done);
  check_slots(lease);
  return done;
}

Outcome Ledger::Rules::operator()(const Bind& bind) {
  const auto* lease = books.find(bind.lease);
  if (lease == nullptr) return refuse(Reason::unknown_lease, "there is no such lease");
  if (bind.epoch != epoch || lease->epoch != epoch) {
    return refuse(Reason::stale_epoch,
                  "this lease is from before the allocator's store was lost; ask for a new one");
  }
  if (lease->live() && lease->container == bind.container) return unchanged(*lease);
  if (lease->state != model::LeaseState::granted) {
    return refuse(Reason::lease_state,
                  std::format("the lease is {}{}", to_string(lease->state),
                              lease->reason ? std::format(" ({})", to_string(*lease->reason))
                                            : std::string{", bound to another container"}),
                  {lease->id});
  }
  if (const auto* other = books.by_container(bind.container)) {
    return refuse(Reason::lease_state, "this container is bound to another lease", {other->id});
  }
  Applied done;
  take_up(*lease, bind.container, done);
  return done;
}

Outcome Ledger::Rules::operator()(const Release& release) {
  const auto* lease = books.find(release.lease);
  if (lease == nullptr) return refuse(Reason::unknown_lease, "there is no such lease");
  Applied done;
  if (lease->state == model::LeaseState::granted) {
    end(*lease, model::EndReason::cancelled, done);
  } else if (lease->state == model::LeaseState::active) {
    model::Lease ending = *lease;
    ending.state = model::LeaseState::ending;
    change(ending, done);
  } else {
    return unchanged(*lease);
  }
  return done;
}

Outcome Ledger::Rules::operator()(const Expire& expire) {
  const auto* lease = books.find(expire.lease);
  if (lease == nullptr) return refuse(Reason::unknown_lease, "there is no such lease");
  if (lease->state != model::LeaseState::granted || lease->bind_expires_at > now.at) {
    return unchanged(*lease);
  }
  Applied done;
  end(*lease, model::EndReason::expired, done);
  return done;
}

}  // namespace gpuhub::ledger
