// /v1/leases: ask, read, wait, bind, renew, release.
#include <algorithm>
#include <cstddef>

#include "api/answers.hpp"
#include "api/api.hpp"
#include "api/problem.hpp"
#include "api/write.hpp"
#include "model/assert.hpp"

namespace gpuhub::api {
namespace {
Problem problem_of(ledger::Reason reason) {
  switch (reason) {
    case ledger::Reason::no_gpu_free: return Problem::no_gpu_free;
    case ledger::Reason::queue_full: return Problem::queue_full;
    case ledger::Reason::impossible: return Problem::impossible;
    case ledger::Reason::owner_active: return Problem::owner_active;
    case ledger::Reason::owner_ending: return Problem::owner_ending;
    case ledger::Reason::request_reused: return Problem::request_reused;
    case ledger::Reason::unknown_lease:
    case ledger::Reason::unknown_gpu: return Problem::not_found;
    case ledger::Reason::lease_state: return Problem::lease_state;
    case ledger::Reason::stale_epoch: return Problem::stale_epoch;
  }
  GPUHUB_ASSERT(!"a refusal without a problem");
  return Problem::internal;
}

bool injectable(const model::Lease& lease) {
  return lease.state == model::LeaseState::granted || lease.state == model::LeaseState::active;
}

// Lets the answer out when it may leave.
service::Send giving(http::Respond respond, http::Response response) {
  return [respond = std::move(respond), response = std::move(response)]() mutable {
    respond(std::move(response));
  };
}

// A hub's owner.hub is known by its socket: naming one in the body is not an error of form.
bool names_hub(std::string_view body) {
  if (!body.contains("\"hub\"") && !body.contains('\\')) return false;  // however it is nested
  const auto document = parse_json(body);
  if (!document || !document->is_object()) return false;
  const auto* owner = document->get_object().if_contains("owner");
  return owner != nullptr && owner->is_object() && owner->get_object().contains("hub");
}
}  // namespace

service::LeaseAnswer Api::as_answer(const model::Lease& lease) const {
  service::LeaseAnswer answer{.lease = lease, .gpus = {}, .existed = false, .waiting = {}};
  for (const model::GpuId& id : lease.gpus) {
    if (const auto* gpu = service_.ledger().gpu(id)) answer.gpus.push_back(*gpu);
  }
  return answer;
}

Indices Api::indices_of(std::span<const model::Lease> leases) const {
  Indices indices;
  for (const model::Lease& lease : leases) {
    for (const model::GpuId& id : lease.gpus) {
      if (const auto* gpu = service_.ledger().gpu(id)) indices.emplace(id, gpu->index);
    }
  }
  return indices;
}

std::optional<inject::Made> Api::injection(const service::LeaseAnswer& answer) const {
  if (!injectable(answer.lease)) return std::nullopt;
  return inject::make(answer.lease, answer.gpus, facts_.machine);
}

void Api::show(text::JsonText& out, const service::LeaseAnswer& answer,
               const Caller& caller) const {
  const auto made = injection(answer);
  show(out, answer, caller, made && *made ? &**made : nullptr);
}

void Api::show(text::JsonText& out, const service::LeaseAnswer& answer, const Caller& caller,
               const inject::Injection* injection) const {
  LeaseShown how{.injection = injection, .now = now_(), .admin = caller.admin(),
                 .show = settings_.show_holders, .indices = nullptr};
  Indices indices;
  if (answer.waiting) {
    indices = indices_of(answer.waiting->blocked_by);
    how.indices = &indices;
  }
  const auto usage = usage_of(answer.lease);
  if (usage) how.usage = &*usage;
  write_lease(out, answer, how);
}

std::optional<usage::LeaseUsage> Api::usage_of(const model::Lease& lease) const {
  if (lease.state != model::LeaseState::active || lease.gpus.empty()) return std::nullopt;
  if (facts_.usage != nullptr) return facts_.usage->of(lease.id, now_().at);
  usage::LeaseUsage none;
  none.why = "the GPUs are listed: nobody measures them";
  return none;
}

http::Response Api::refused(const Caller& caller, const service::Refusal& refusal,
                            std::span<const std::string> groups) const {
  if (refusal.kind == service::Refused::not_ready) {
    return problem(Problem::not_ready, refusal.detail);
  }
  if (refusal.kind == service::Refused::too_many) {
    return problem(Problem::too_many_requests, refusal.detail);
  }
  GPUHUB_ASSERT(refusal.ledger.has_value());
  const Problem which = problem_of(refusal.ledger->reason);
  return problem(which, refusal.ledger->detail, [&](text::JsonText& out) {
    if (which == Problem::no_gpu_free || which == Problem::queue_full) {
      write_holders(out, refusal.blocked_by, indices_of(refusal.blocked_by),
                    {.admin = caller.admin(), .groups = groups, .show = settings_.show_holders});
    }
    if (which == Problem::queue_full) {
      out.number("waiting", static_cast<std::int64_t>(service_.ledger().queue().size()));
    }
    const bool own = which == Problem::owner_active || which == Problem::owner_ending;
    if (!own || refusal.blocked_by.empty()) return;
    out.object("lease", [&] {
      show(out, as_answer(refusal.blocked_by.front()), caller);
    });
  });
}

std::optional<model::LeaseId> Api::own_lease(Call& call) const {
  auto id = model::LeaseId::parse(call.name);
  const model::Lease* lease = id ? service_.ledger().find(*id) : nullptr;
  if (lease != nullptr && call.caller.owns(lease->request.owner)) return id;
  call.respond(problem(Problem::not_found, "there is no such lease"));
  return std::nullopt;
}

// Who has waited gets his grant here: one that cannot be brought into a container is of no use to
// him. It is taken back, or he asks again, while the engine has not said yet what it can do.
service::Send Api::give_lease(Asker asker,
                              std::expected<service::LeaseAnswer, service::Refusal> answer) {
  if (!answer) return giving(std::move(asker.respond), refused(asker.caller, answer.error(), {}));
  const auto made = injection(*answer);
  const bool useless = made && !*made && answer->lease.state == model::LeaseState::granted;
  if (useless && !asker.caller.admin()) {
    if (!facts_.machine.engine_known) {
      return giving(std::move(asker.respond), problem(Problem::not_ready, made->error()));
    }
    return take_back(std::move(asker), answer->lease.id, Problem::impossible, made->error());
  }
  return giving(std::move(asker.respond), json_answer(200, [&](text::JsonText& out) {
                  show(out, *answer, asker.caller, made && *made ? &**made : nullptr);
                }));
}

service::Send Api::take_back(Asker asker, const model::LeaseId& lease, Problem which,
                             const std::string& why) {
  return [this, asker = std::move(asker), lease, which, why]() mutable {
    service_.release(lease, [asker = std::move(asker), which, why](const auto&) mutable {
      return giving(std::move(asker.respond), problem(which, why));
    });
  };
}

// A grant that no engine setting can bring into a container is taken back at once: the caller could
// do nothing with it.
service::Send Api::give_granted(Asker asker, const service::LeaseAnswer& answer) {
  const auto made = injection(answer);
  if (!made || *made) {
    const bool waits = answer.lease.state == model::LeaseState::queued;
    const int status = answer.existed ? 200 : waits ? 202 : 201;
    return giving(std::move(asker.respond), json_answer(status, [&](text::JsonText& out) {
                    show(out, answer, asker.caller, made ? &**made : nullptr);
                  }));
  }
  const auto which = facts_.machine.engine_known ? Problem::impossible : Problem::not_ready;
  return take_back(std::move(asker), answer.lease.id, which, made->error());
}

void Api::ask(Call call) {
  if (!call.caller.admin() && names_hub(call.request.body)) {
    return call.respond(problem(Problem::forbidden,
                                "owner.hub comes from the socket; leave it out"));
  }
  auto request = read_ask(call.request.body, call.caller);
  if (!request) return call.respond(bad_request(request.error()));
  std::vector<std::string> groups = request->groups;
  service_.ask(std::move(*request), [this, asker = std::move(call).asker(),
                                     groups = std::move(groups)](auto answer) mutable {
    if (!answer) {
      return giving(std::move(asker.respond), refused(asker.caller, answer.error(), groups));
    }
    return give_granted(std::move(asker), *answer);
  });
}

void Api::get_leases(Call call) {
  auto filter = read_lease_filter(call.request.target);
  if (!filter) return call.respond(bad_request(filter.error()));
  auto keep = [filter = *filter, caller = call.caller](const model::Lease& lease) {
    return filter.keeps(lease, caller);
  };
  service_.leases(std::move(keep), [this, limit = filter->limit,
                                    call = std::move(call)](auto found) mutable {
    if (limit) {
      std::ranges::reverse(found);
      const auto kept = std::min(found.size(), static_cast<std::size_t>(*limit));
      found.erase(found.begin() + static_cast<std::ptrdiff_t>(kept), found.end());
    }
    call.respond(json_answer(200, [&](text::JsonText& out) {
      out.list("leases", found, [&](const service::LeaseAnswer& one) {
        out.object_item([&] { show(out, one, call.caller); });
      });
    }));
  });
}

void Api::get_lease(Call call) {
  const auto wait = read_lease_wait(call.request.target);
  if (!wait) return call.respond(bad_request(wait.error()));
  const auto id = own_lease(call);
  if (!id) return;
  const auto accepts = http::find_header(call.request.headers, "accept");
  if (accepts && accepts->contains(sse_type)) return follow(std::move(call), *id);
  auto give = [this, asker = std::move(call).asker()](auto answer) mutable {
    return give_lease(std::move(asker), std::move(answer));
  };
  if (wait->seconds == 0) return service_.lease(*id, std::move(give));
  const auto until = now_().at + std::chrono::seconds{wait->seconds};
  polls_.add(*id, wait->revision, until, std::move(give));
}

void Api::renew(Call call) {
  const auto id = own_lease(call);
  if (!id) return;
  service_.renew(*id, [this, asker = std::move(call).asker()](auto answer) mutable {
    return give_lease(std::move(asker), std::move(answer));
  });
}

void Api::bind(Call call) {
  auto body = read_bind(call.request.body);
  if (!body) return call.respond(bad_request(body.error()));
  const auto id = own_lease(call);
  if (!id) return;
  service_.bind({*id, body->container, body->epoch},
                [this, asker = std::move(call).asker()](auto answer) mutable {
                  return give_lease(std::move(asker), std::move(answer));
                });
}

void Api::release(Call call) {
  const auto id = own_lease(call);
  if (!id) return;
  service_.release(*id, [this, asker = std::move(call).asker()](auto answer) mutable {
    return give_lease(std::move(asker), std::move(answer));
  });
}

}  // namespace gpuhub::api
