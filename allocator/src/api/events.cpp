#include "api/events.hpp"

#include <format>

#include "text/json_text.hpp"

namespace gpuhub::api {
namespace {
using text::JsonText;

struct EventText {
  std::string operator()(const model::Lease& lease) const {
    JsonText out;
    out.text("id", lease.id.str());
    out.text("hub", lease.request.owner.hub.str());
    out.text("user", lease.request.owner.user);
    out.text("server", lease.request.owner.server);
    out.text("state", to_string(lease.state));
    out.text_or_null("reason", lease.reason);
    out.texts("gpus", lease.gpus);
    out.text_or_null("container", lease.container);
    return sse("lease", std::move(out).finish());
  }
  std::string operator()(const model::LeaseForgotten&) const { return {}; }
  std::string operator()(const model::GpuSetting& set) const {
    JsonText out;
    out.text("uuid", set.gpu.str());
    out.text("change", "setting");
    if (set.slots) out.number("slots", *set.slots);
    if (set.label) out.text("label", *set.label);
    if (set.drained) out.yes_no("drain", *set.drained);
    return sse("gpu", std::move(out).finish());
  }
  std::string operator()(const model::ListedInventory& listed) const {
    JsonText out;
    out.text("change", "listed");
    out.number("gpus", static_cast<std::int64_t>(listed.gpus.size()));
    return sse("gpu", std::move(out).finish());
  }
  std::string operator()(const model::Conflict& conflict) const {
    JsonText out;
    out.text("container", conflict.container.str());
    out.text("name", conflict.name);
    out.texts("gpus", conflict.gpus);
    out.yes_no("ended", false);
    return sse("conflict", std::move(out).finish());
  }
  std::string operator()(const model::ConflictEnded& ended) const {
    JsonText out;
    out.text("container", ended.container.str());
    out.yes_no("ended", true);
    return sse("conflict", std::move(out).finish());
  }
  std::string operator()(const model::GpuFaulty& faulty) const {
    JsonText out;
    out.text("uuid", faulty.gpu.str());
    out.text("change", "faulty");
    out.text("kind", to_string(faulty.state.fault.kind));
    out.text("detail", faulty.state.fault.detail);
    return sse("gpu", std::move(out).finish());
  }
  std::string operator()(const model::FaultCleared& cleared) const {
    JsonText out;
    out.text("uuid", cleared.gpu.str());
    out.text("change", "fault cleared");
    return sse("gpu", std::move(out).finish());
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
