// /v1/gpus: read, populate, set.
#include <algorithm>

#include "api/answers.hpp"
#include "api/api.hpp"
#include "api/problem.hpp"
#include "api/write.hpp"

namespace gpuhub::api {

// Who comes by the socket for people of this host is himself; a hub's own look is nobody's.
Onlooker Api::onlooker_of(const Caller& caller) const {
  Onlooker out{.admin = caller.admin(), .groups = {}, .show = settings_.show_holders};
  if (!caller.account) return out;
  out.user = *caller.account;
  out.hub = &*caller.hub;
  return out;
}

void Api::show(text::JsonText& out, const service::GpuView& view,
               const Onlooker& onlooker) const {
  GpuShown how{.host = settings_.host, .now = now_(), .onlooker = onlooker};
  const auto load = facts_.loads.find(view.gpu.info.id);
  if (load != facts_.loads.end()) how.load = &load->second;
  if (facts_.usage != nullptr) how.usage = facts_.usage->of(view.gpu.info.id, how.now.at);
  write_gpu(out, view, how);
}

// {"gpus": [...]}
http::Response Api::gpus_answer(std::span<const service::GpuView> views,
                                const Onlooker& onlooker) const {
  return json_answer(200, [&](text::JsonText& out) {
    out.list("gpus", views, [&](const service::GpuView& view) {
      out.object_item([&] { show(out, view, onlooker); });
    });
  });
}

void Api::get_gpus(Call call) {
  auto person = read_person(call.request.target, call.caller);
  if (!person) return call.respond(bad_request(person.error()));
  service_.gpus([this, person = *std::move(person), call = std::move(call)](auto views) mutable {
    Onlooker onlooker = onlooker_of(call.caller);
    if (person) {
      onlooker = {.admin = false, .groups = person->groups, .show = settings_.show_holders,
                  .user = person->user, .hub = call.caller.hub ? &*call.caller.hub : nullptr};
    }
    call.respond(gpus_answer(views, onlooker));
  });
}

void Api::get_gpu(Call call) {
  service_.gpus([this, call = std::move(call)](auto views) mutable {
    for (const service::GpuView& view : views) {
      if (view.gpu.info.id.str() != call.name) continue;
      return call.respond(json_answer(
          200, [&](text::JsonText& out) { show(out, view, onlooker_of(call.caller)); }));
    }
    call.respond(problem(Problem::not_found, "there is no such GPU"));
  });
}

void Api::put_gpus(Call call) {
  if (settings_.source != config::Source::listed) {
    return call.respond(problem(Problem::inventory_source,
                                "the inventory comes from NVML; a list needs source = \"listed\" "
                                "in [gpus] of gpuhub.toml"));
  }
  auto gpus = read_listed(call.request.body);
  if (!gpus) return call.respond(bad_request(gpus.error()));
  service_.put_listed(std::move(*gpus), [this, call = std::move(call)](auto views) mutable {
    if (!views) return call.respond(refused(call.caller, views.error(), {}));
    call.respond(gpus_answer(*views, onlooker_of(call.caller)));
  });
}

void Api::patch_gpu(Call call) {
  const auto id = model::GpuId::parse(call.name);
  if (!id) return call.respond(problem(Problem::not_found, "there is no such GPU"));
  auto change = read_gpu_change(call.request.body, *id);
  if (!change) return call.respond(bad_request(change.error()));
  service_.set_gpu(std::move(change->setting), change->clear_fault,
                   [this, call = std::move(call)](auto view) mutable {
                     if (!view) return call.respond(refused(call.caller, view.error(), {}));
                     const auto onlooker = onlooker_of(call.caller);
                     call.respond(json_answer(
                         200, [&](text::JsonText& out) { show(out, *view, onlooker); }));
                   });
}

}  // namespace gpuhub::api
