// Ask, bind, release, expire: what owners and time do to leases.
#include <algorithm>
#include <format>

#include "ledger/rules.hpp"
#include "model/assert.hpp"

namespace gpuhub::ledger {
namespace {

Applied unchanged(const model::Lease& lease) {
  return {.events = {}, .lease = lease.id, .existed = true};
}

// While it lives, the GPUs of these unbound grants count as free.
class WithoutThem {
 public:
  WithoutThem(Books& books, const std::set<model::LeaseId>& leases) : books_(books), leases_(leases) {
    for (const auto& [gpu, mode] : gpus()) books_.room.give(gpu);
  }
  ~WithoutThem() {
    for (const auto& [gpu, mode] : gpus()) books_.room.take(gpu, mode);
  }
  WithoutThem(const WithoutThem&) = delete;
  WithoutThem& operator=(const WithoutThem&) = delete;

 private:
  std::vector<std::pair<model::GpuId, model::Mode>> gpus() const {
    std::vector<std::pair<model::GpuId, model::Mode>> all;
    for (const auto& id : leases_) {
      const auto* lease = books_.find(id);
      for (const auto& gpu : lease->gpus) all.emplace_back(gpu, lease->request.mode);
    }
    return all;
  }
  Books& books_;
  const std::set<model::LeaseId>& leases_;
};

}  // namespace

std::unexpected<Refusal> refuse(Reason reason, std::string detail,
                                std::vector<model::LeaseId> blocked_by) {
  return std::unexpected(Refusal{reason, std::move(detail), std::move(blocked_by)});
}

std::vector<model::LeaseId> Ledger::Rules::in_the_way(
    const model::Want& want, const std::set<model::LeaseId>& without) const {
  const auto asked_for = [&](const model::Gpu& gpu) {
    if (const auto* named = std::get_if<model::WantGpus>(&want)) {
      return std::ranges::contains(named->gpus, gpu.info.id);
    }
    return !std::holds_alternative<model::WantNone>(want);
  };
  std::vector<model::LeaseId> found;
  std::set<model::LeaseId> seen{without};
  for (const auto& use : books.room.gpus()) {
    if (use.leases == 0 || !asked_for(*use.gpu)) continue;
    for (const model::Lease* lease : books.live_on(use.gpu->info.id)) {
      if (seen.insert(lease->id).second) found.push_back(lease->id);
    }
  }
  return found;
}

void Ledger::Rules::change(model::Lease lease, Applied& into) {
  books.put(lease);
  into.lease = lease.id;
  into.events.emplace_back(std::move(lease));
}

void Ledger::Rules::grant(model::Lease lease, std::vector<model::GpuId> gpus, Applied& into) {
  lease.state = model::LeaseState::granted;
  lease.gpus = std::move(gpus);
  lease.granted_at = now.at;
  lease.bind_expires_at = now.at + settings.bind_timeout;
  lease.granted_wall = now.wall;
  change(std::move(lease), into);
  check_slots(*books.find(*into.lease));
}

void Ledger::Rules::take_up(model::Lease lease, const model::ContainerId& container,
                            Applied& into) {
  GPUHUB_ASSERT(lease.state == model::LeaseState::granted);
  lease.state = model::LeaseState::active;
  lease.container = container;
  lease.bound_wall = now.wall;
  change(std::move(lease), into);
}

void Ledger::Rules::end(model::Lease lease, model::EndReason reason, Applied& into) {
  GPUHUB_ASSERT(lease.live());
  lease.state = model::LeaseState::ended;
  lease.reason = reason;
  lease.ended_at = now.at;
  lease.ended_wall = now.wall;
  change(std::move(lease), into);
  room_changed = true;
}

void Ledger::Rules::check_slots(const model::Lease& granted) const {
  for (const auto& id : granted.gpus) {
    const auto* use = books.room.find(id);
    GPUHUB_ASSERT(use != nullptr && use->gpu->in_service());
    GPUHUB_ASSERT(use->leases <= use->gpu->slots);
    GPUHUB_ASSERT(!use->exclusive || use->leases == 1);
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
  keep_places_in_time();
  const bool may_wait = request.wait && settings.queue.enabled;
  bool own_ending = false;  // waits for the end of the owner's own container first
  std::set<model::LeaseId> replaced;
  for (const auto* older : books.live_of(request.owner)) {
    if (older->state == model::LeaseState::active) {
      return refuse(Reason::owner_active, "this server already has a lease; end it first", {older->id});
    }
    if (older->state == model::LeaseState::ending) {
      if (!may_wait) {
        return refuse(Reason::owner_ending,
                      "this server's earlier container still runs; it is ending", {older->id});
      }
      own_ending = true;
    } else {
      replaced.insert(older->id);
    }
  }
  auto want = books.room.pin(request.want);
  if (!want) return refuse(Reason::impossible, want.error().detail);
  policy::Picked picked;
  {
    const WithoutThem aside{books, replaced};
    picked = books.room.place(*want, request.mode);
  }
  if (!picked && picked.error().why == policy::WhyNot::never) {
    return refuse(Reason::impossible, picked.error().detail);
  }
  const bool waits = own_ending || !picked;
  if (waits && !may_wait) {
    return refuse(Reason::no_gpu_free, picked.error().detail, in_the_way(*want, replaced));
  }
  if (waits && !may_queue(replaced)) {
    return refuse(Reason::queue_full,
                  std::format("{} requests wait already, as many as may", settings.queue.max),
                  in_the_way(*want, replaced));
  }

  Applied done;
  for (const auto& id : replaced) end(*books.find(id), model::EndReason::replaced, done);
  auto lease = asked(request, *std::move(want));
  if (!waits) {
    grant(std::move(lease), *std::move(picked), done);
    return done;
  }
  lease.queue_expires_at = now.at + settings.queue.timeout;
  change(std::move(lease), done);
  books.renew(*done.lease, now.at + settings.queue.renew_timeout);
  return done;
}

// Is there a place in the queue, once these are out of it?
bool Ledger::Rules::may_queue(const std::set<model::LeaseId>& without) const {
  if (books.queue().size() < settings.queue.max) return true;
  const auto others = std::ranges::count_if(
      books.queue(), [&](Seq seq) { return !without.contains(books.at(seq).id); });
  return std::cmp_less(others, settings.queue.max);
}

// The new lease of a request, not yet in the books.
model::Lease Ledger::Rules::asked(const model::Request& request, model::Want want) {
  std::string name{"L-"};
  name.append(epoch.str()).append("-").append(std::to_string(next_serial++));
  const auto id = model::LeaseId::parse(name);
  GPUHUB_ASSERT(id.has_value());
  model::Lease lease{.id = *id, .request = request, .host = settings.host, .epoch = epoch,
                     .state = model::LeaseState::queued, .gpus = {}, .container = {},
                     .asked_at = now.at, .queue_expires_at = {}, .granted_at = {},
                     .bind_expires_at = {}, .ended_at = {}, .created_wall = now.wall,
                     .granted_wall = {}, .bound_wall = {}, .ended_wall = {}, .reason = {},
                     .exit_code = {}, .oom_killed = {}};
  lease.request.want = std::move(want);
  if (lease.request.capabilities.empty()) {
    lease.request.capabilities = settings.default_capabilities;
  }
  return lease;
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
                              lease->reason      ? std::format(" ({})", to_string(*lease->reason))
                              : lease->container ? std::string{", bound to another container"}
                                                 : std::string{}),
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
  if (lease->state == model::LeaseState::granted || lease->state == model::LeaseState::queued) {
    end(*lease, model::EndReason::cancelled, done);
  } else if (lease->state == model::LeaseState::active) {
    model::Lease ending = *lease;
    ending.state = model::LeaseState::ending;
    change(std::move(ending), done);
  } else {
    return unchanged(*lease);
  }
  return done;
}

Outcome Ledger::Rules::operator()(const Expire& expire) {
  const auto* lease = books.find(expire.lease);
  if (lease == nullptr) return refuse(Reason::unknown_lease, "there is no such lease");
  if (lease->state != model::LeaseState::granted || *lease->bind_expires_at > now.at) {
    return unchanged(*lease);
  }
  Applied done;
  end(*lease, model::EndReason::expired, done);
  return done;
}

}  // namespace gpuhub::ledger
