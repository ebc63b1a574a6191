// /v1/gpus: read, populate, set.
#include <algorithm>

#include "api/answers.hpp"
#include "api/api.hpp"
#include "api/problem.hpp"
#include "api/write.hpp"

namespace gpuhub::api {

void Api::show(text::JsonText& out, const service::GpuView& view, const Caller& caller) const {
  const auto load = facts_.loads.find(view.gpu.info.id);
  write_gpu(out, view, {settings_.host, now_(),
                        caller.admin() || settings_.show_holders == config::ShowHolders::all,
                        load == facts_.loads.end() ? nullptr : &load->second});
}

// {"gpus": [...]}
http::Response Api::gpus_answer(std::span<const service::GpuView> views,
                                const Caller& caller) const {
  return json_answer(200, [&](text::JsonText& out) {
    out.list("gpus", views, [&](const service::GpuView& view) {
      out.object_item([&] { show(out, view, caller); });
    });
  });
}

void Api::get_gpus(Call call) {
  service_.gpus([this, call = std::move(call)](auto views) mutable {
    call.respond(gpus_answer(views, call.caller));
  });
}

void Api::get_gpu(Call call) {
  service_.gpus([this, call = std::move(call)](auto views) mutable {
    for (const service::GpuView& view : views) {
      if (view.gpu.info.id.str() != call.name) continue;
      return call.respond(json_answer(
          200, [&](text::JsonText& out) { show(out, view, call.caller); }));
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
    if (!views) return refuse(call, views.error(), {});
    call.respond(gpus_answer(*views, call.caller));
  });
}

void Api::patch_gpu(Call call) {
  const auto id = model::GpuId::parse(call.name);
  if (!id) return call.respond(problem(Problem::not_found, "there is no such GPU"));
  auto change = read_gpu_change(call.request.body, *id);
  if (!change) return call.respond(bad_request(change.error()));
  service_.set_gpu(std::move(change->setting), change->clear_fault,
                   [this, call = std::move(call)](auto view) mutable {
                     if (!view) return refuse(call, view.error(), {});
                     call.respond(json_answer(
                         200, [&](text::JsonText& out) { show(out, *view, call.caller); }));
                   });
}

}  // namespace gpuhub::api
