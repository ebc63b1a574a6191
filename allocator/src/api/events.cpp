#include "api/events.hpp"

#include <boost/json.hpp>
#include <format>

namespace gpuhub::api {
namespace {
namespace json = boost::json;

json::array texts(const std::vector<model::GpuId>& gpus) {
  json::array out;
  for (const model::GpuId& gpu : gpus) out.emplace_back(gpu.str());
  return out;
}

struct EventText {
  std::string operator()(const model::Lease& lease) const {
    json::object out{{"id", lease.id.str()},
                     {"hub", lease.request.owner.hub.str()},
                     {"user", lease.request.owner.user},
                     {"server", lease.request.owner.server},
                     {"state", to_string(lease.state)},
                     {"reason", nullptr},
                     {"gpus", texts(lease.gpus)},
                     {"container", nullptr}};
    if (lease.reason) out["reason"] = to_string(*lease.reason);
    if (lease.container) out["container"] = lease.container->str();
    return sse("lease", json::serialize(out));
  }
  std::string operator()(const model::LeaseForgotten&) const { return {}; }
  std::string operator()(const model::GpuSetting& set) const {
    json::object out{{"uuid", set.gpu.str()}, {"change", "setting"}};
    if (set.slots) out["slots"] = *set.slots;
    if (set.label) out["label"] = *set.label;
    if (set.drained) out["drain"] = *set.drained;
    return sse("gpu", json::serialize(out));
  }
  std::string operator()(const model::ListedInventory& listed) const {
    return sse("gpu", json::serialize(json::object{{"change", "listed"},
                                                   {"gpus", listed.gpus.size()}}));
  }
  std::string operator()(const model::Conflict& conflict) const {
    json::object out{{"container", conflict.container.str()},
                     {"name", conflict.name},
                     {"gpus", texts(conflict.gpus)},
                     {"ended", false}};
    return sse("conflict", json::serialize(out));
  }
  std::string operator()(const model::ConflictEnded& ended) const {
    return sse("conflict", json::serialize(json::object{{"container", ended.container.str()},
                                                        {"ended", true}}));
  }
  std::string operator()(const model::GpuFaulty& faulty) const {
    return sse("gpu", json::serialize(json::object{{"uuid", faulty.gpu.str()},
                                                   {"change", "faulty"},
                                                   {"kind", to_string(faulty.state.fault.kind)},
                                                   {"detail", faulty.state.fault.detail}}));
  }
  std::string operator()(const model::FaultCleared& cleared) const {
    return sse("gpu", json::serialize(json::object{{"uuid", cleared.gpu.str()},
                                                   {"change", "fault cleared"}}));
  }
};
}  // namespace

std::string sse(std::string_view event, std::string_view data) {
  return std::format("event: {}\ndata: {}\n\n", event, data);
}

std::string event_text(const model::Record& record) { return std::visit(EventText{}, record); }

Events::Events(http::Loop& loop)
    : broadcast_(
          loop, {},
          [](std::size_t count) { return sse("left_out", std::format("{{\"count\":{}}}", count)); },
          std::string{sse_beat}) {}

void Events::changed(const std::vector<model::Record>& records) {
  for (const model::Record& record : records) {
    if (broadcast_.wants_more()) {
      broadcast_.say(event_text(record));
    } else {
      broadcast_.leave_out();
    }
  }
}

}  // namespace gpuhub::api
