// /v1/gpus: read, populate, set.
#include <algorithm>
#include <boost/json/array.hpp>

#include "api/answers.hpp"
#include "api/api.hpp"
#include "api/problem.hpp"
#include "api/write.hpp"

namespace gpuhub::api {

boost::json::object Api::shown(const service::GpuView& view, const Caller& caller) const {
  const auto load = facts_.loads.find(view.gpu.info.id);
  return gpu_json(view, {settings_.host, now_(),
                         caller.admin() || settings_.show_holders == config::ShowHolders::all,
                         load == facts_.loads.end() ? nullptr : &load->second});
}

void Api::get_gpus(Call call) {
  service_.gpus([this, call = std::move(call)](auto views) mutable {
    boost::json::array gpus;
    for (const service::GpuView& view : views) gpus.push_back(shown(view, call.caller));
    call.respond(json_answer(200, {{"gpus", std::move(gpus)}}));
  });
}

void Api::get_gpu(Call call) {
  service_.gpus([this, call = std::move(call)](auto views) mutable {
    for (const service::GpuView& view : views) {
      if (view.gpu.info.id.str() != call.name) continue;
      return call.respond(json_answer(200, shown(view, call.caller)));
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
    boost::json::array out;
    for (const service::GpuView& view : *views) out.push_back(shown(view, call.caller));
    call.respond(json_answer(200, {{"gpus", std::move(out)}}));
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
                     call.respond(json_answer(200, shown(*view, call.caller)));
                   });
}

}  // namespace gpuhub::api
