#include "store/rows.hpp"

#include <algorithm>
#include <utility>

#include "store/json_fields.hpp"
#include "text/json_text.hpp"

namespace gpuhub::store {
namespace {
using text::JsonKey;
using text::JsonText;

std::optional<std::int64_t> ms_of(const std::optional<model::WallTime>& at) {
  return at ? std::optional(at->ms) : std::nullopt;
}
// Reads an int; what does not fit is wrong.
std::optional<int> int_or_null(Fields& fields, const char* key) {
  const auto number = fields.number_or_null(key);
  if (number && !std::in_range<int>(*number)) fields.wrong(key, "out of range");
  return number ? std::optional<int>(static_cast<int>(*number)) : std::nullopt;
}
std::optional<std::int64_t> ms_of(const std::optional<model::Instant>& at) {
  return at ? std::optional{at->ms} : std::nullopt;
}
std::optional<model::Instant> instant_or_null(Fields& fields, const char* key) {
  const auto ms = fields.number_or_null(key);
  return ms ? std::optional(model::Instant{*ms}) : std::nullopt;
}
std::optional<model::WallTime> wall_or_null(Fields& fields, const char* key) {
  const auto ms = fields.number_or_null(key);
  return ms ? std::optional(model::WallTime{*ms}) : std::nullopt;
}

// The ids of a list; a text that is no id is wrong, so is one that stands there twice.
std::vector<model::GpuId> gpu_ids(Fields& fields, const char* key) {
  std::vector<model::GpuId> ids;
  for (const auto& text : fields.texts(key)) {
    const auto id = model::GpuId::parse(text);
    if (!id) {
      fields.wrong(key, "holds something else than GPU ids");
    } else if (std::ranges::contains(ids, *id)) {
      fields.wrong(key, "names a GPU twice");
    } else {
      ids.push_back(*id);
    }
  }
  return ids;
}

// A text of `Kind`'s form; where it is not, wrong() was told and the value stands in for it.
template <typename Kind>
Kind id_or(Fields& fields, const char* key, const char* stand_in) {
  auto id = fields.parsed(
      key, [](std::string_view text) { return Kind::parse(text); }, "no such name");
  return id ? *std::move(id) : *Kind::parse(stand_in);
}
template <typename Kind>
std::optional<Kind> id_or_null(Fields& fields, const char* key) {
  const auto text = fields.text_or_null(key);
  if (!text) return std::nullopt;
  auto id = Kind::parse(*text);
  if (!id) fields.wrong(key, "no such name");
  return id;
}

// ---- what was wanted ----
struct WriteWant {
  JsonText& out;

  void operator()(const model::WantCount& want) const {
    out.text("kind", "count");
    out.number("count", want.count);
  }
  void operator()(const model::WantGpus& want) const {
    out.text("kind", "gpus");
    out.texts("gpus", want.gpus);
  }
  void operator()(const model::WantPositions& want) const {
    out.text("kind", "positions");
    out.list("positions", want.indices, [&](int index) { out.number_item(index); });
  }
  void operator()(const model::WantAll&) const { out.text("kind", "all"); }
  void operator()(const model::WantNone&) const { out.text("kind", "none"); }
};

model::Want read_want(Fields& fields) {
  const auto kind = fields.text("kind");
  if (kind == "all") return model::WantAll{};
  if (kind == "none") return model::WantNone{};
  if (kind == "gpus") return model::WantGpus{gpu_ids(fields, "gpus")};
  if (kind == "positions") {
    model::WantPositions want;
    for (const auto index : fields.numbers("positions")) {
      if (!std::in_range<int>(index)) fields.wrong("positions", "out of range");
      want.indices.push_back(static_cast<int>(index));
    }
    return want;
  }
  if (kind != "count") {
    fields.wrong("kind", "none of count, gpus, positions, all, none");
    return model::WantNone{};
  }
  const auto count = fields.number("count");
  if (count < 1 || !std::in_range<int>(count)) fields.wrong("count", "out of range");
  return model::WantCount{static_cast<int>(count)};
}

// ---- requests ----
void write_request(JsonText& out, const model::Request& request) {
  out.text("id", request.id.str());
  out.object("owner", [&] {
    out.text("hub", request.owner.hub.str());
    out.text("user", request.owner.user);
    out.text("server", request.owner.server);
  });
  out.texts("groups", request.groups);
  out.object("want", [&] { std::visit(WriteWant{out}, request.want); });
  out.text("mode", model::to_string(request.mode));
  out.texts("capabilities", request.capabilities);
  out.yes_no("wait", request.wait);
}

model::Owner read_owner(Fields& fields) {
  model::Owner owner{.hub = id_or<model::HubName>(fields, "hub", "none"),
                     .user = fields.text("user"),
                     .server = fields.text("server")};
  if (owner.user.empty()) fields.wrong("user", "empty");
  return owner;
}

model::Request read_request(Fields& fields) {
  std::optional<model::Owner> owner;
  fields.object("owner", [&](Fields& inner) { owner = read_owner(inner); });
  model::Request request{.id = id_or<model::RequestId>(fields, "id", "none"),
                         .owner = *owner,
                         .groups = fields.texts("groups"),
                         .want = model::WantNone{},
                         .mode = model::Mode::shared,
                         .capabilities = fields.texts("capabilities"),
                         .wait = fields.yes_no("wait")};
  fields.object("want", [&](Fields& inner) { request.want = read_want(inner); });
  request.mode = fields.parsed("mode", model::parse_mode, "no mode").value_or(model::Mode::shared);
  return request;
}

// What one field alone cannot tell: states and their fields belong together.
void check_lease(Fields& fields, const model::Lease& lease) {
  const bool ended = lease.state == model::LeaseState::ended;
  if (ended != lease.reason.has_value()) fields.wrong("reason", "must stand exactly when ended");
  if (ended != lease.ended_wall.has_value()) {
    fields.wrong("ended_wall_ms", "must stand exactly when ended");
  }
  const bool queued = lease.state == model::LeaseState::queued;
  if (lease.holds() && !lease.granted_at) {
    fields.wrong("granted_at_ms", "missing in a granted lease");
  }
  if (queued && lease.granted_at) fields.wrong("granted_at_ms", "stands in a lease that waits");
  if (queued && !lease.queue_expires_at) {
    fields.wrong("queue_expires_at_ms", "missing in a lease that waits");
  }
  if (queued && !lease.gpus.empty()) fields.wrong("gpus", "stand in a lease that waits");
  if (lease.granted_at.has_value() != lease.bind_expires_at.has_value()) {
    fields.wrong("bind_expires_at_ms", "must stand exactly when granted");
  }
  const bool bound =
      lease.state == model::LeaseState::active || lease.state == model::LeaseState::ending;
  if (bound && !lease.container) fields.wrong("container", "missing in a bound lease");
  if ((lease.state == model::LeaseState::granted || queued) && lease.container) {
    fields.wrong("container", "stands in an unbound lease");
  }
}

}  // namespace

// What a lease does not have is left out: its row is written at each step of its life, and pages
// are what a commit costs.
std::string write_lease(const model::Lease& lease) {
  JsonText out;
  out.text("id", lease.id.str());
  out.object("request", [&] { write_request(out, lease.request); });
  out.text("host", lease.host.str());
  out.text("epoch", lease.epoch.str());
  out.text("state", model::to_string(lease.state));
  out.texts("gpus", lease.gpus);
  out.text_if("container", lease.container);
  out.number("asked_at_ms", lease.asked_at.ms);
  out.number_if("queue_expires_at_ms", ms_of(lease.queue_expires_at));
  out.number_if("granted_at_ms", ms_of(lease.granted_at));
  out.number_if("bind_expires_at_ms", ms_of(lease.bind_expires_at));
  out.number_if("ended_at_ms", ms_of(lease.ended_at));
  out.number("created_wall_ms", lease.created_wall.ms);
  out.number_if("granted_wall_ms", ms_of(lease.granted_wall));
  out.number_if("bound_wall_ms", ms_of(lease.bound_wall));
  out.number_if("ended_wall_ms", ms_of(lease.ended_wall));
  out.text_if("reason", lease.reason);
  out.number_if("exit_code", lease.exit_code);
  if (lease.oom_killed) out.yes_no("oom_killed", *lease.oom_killed);
  return std::move(out).finish();
}

ReadRow<model::Lease> read_lease(std::string_view text) {
  Fields fields{text};
  std::optional<model::Request> request;
  fields.object("request", [&](Fields& inner) { request = read_request(inner); });
  model::Lease lease{
      .id = id_or<model::LeaseId>(fields, "id", "L-none"),
      .request = *std::move(request),
      .host = id_or<model::HostName>(fields, "host", "none"),
      .epoch = id_or<model::Epoch>(fields, "epoch", "none"),
      .state = fields.parsed("state", model::parse_lease_state, "no state of a lease")
                   .value_or(model::LeaseState::granted),
      .gpus = gpu_ids(fields, "gpus"),
      .container = id_or_null<model::ContainerId>(fields, "container"),
      .asked_at = {fields.number("asked_at_ms")},
      .queue_expires_at = instant_or_null(fields, "queue_expires_at_ms"),
      .granted_at = instant_or_null(fields, "granted_at_ms"),
      .bind_expires_at = instant_or_null(fields, "bind_expires_at_ms"),
      .ended_at = instant_or_null(fields, "ended_at_ms"),
      .created_wall = {fields.number("created_wall_ms")},
      .granted_wall = wall_or_null(fields, "granted_wall_ms"),
      .bound_wall = wall_or_null(fields, "bound_wall_ms"),
      .ended_wall = wall_or_null(fields, "ended_wall_ms"),
      .reason = {},
      .exit_code = int_or_null(fields, "exit_code"),
      .oom_killed = fields.yes_no_or_null("oom_killed")};
  if (const auto reason = fields.text_or_null("reason")) {
    lease.reason = model::parse_end_reason(*reason);
    if (!lease.reason) fields.wrong("reason", "no reason of an end");
  }
  check_lease(fields, lease);
  if (auto error = fields.finish()) return std::unexpected(*std::move(error));
  return lease;
}

std::string write_listed(const model::ListedInventory& listed) {
  JsonText out;
  out.list("gpus", listed.gpus, [&](const model::GpuInfo& gpu) {
    out.object_item([&] {
      out.text("id", gpu.id.str());
      out.text("model", gpu.model);
      out.number("memory_mib", gpu.memory.count);
      out.number_or_null("minor", gpu.minor);
      out.text("pci_bus", gpu.pci_bus);
      out.list("devices", gpu.devices, [&](const model::DeviceNode& node) {
        out.object_item([&] {
          out.text("host_path", node.host_path);
          out.text("container_path", node.container_path);
        });
      });
      out.list("mounts", gpu.mounts, [&](const model::BindMount& mount) {
        out.object_item([&] {
          out.text("host_path", mount.host_path);
          out.text("container_path", mount.container_path);
          out.yes_no("read_only", mount.read_only);
        });
      });
      out.number_or_null("slots", gpu.slots);
    });
  });
  return std::move(out).finish();
}

ReadRow<model::ListedInventory> read_listed(std::string_view text) {
  Fields fields{text};
  model::ListedInventory listed;
  fields.objects("gpus", [&](Fields& inner) {
    model::GpuInfo gpu{.id = id_or<model::GpuId>(inner, "id", "none"),
                       .model = inner.text("model"),
                       .memory = {inner.number("memory_mib")},
                       .minor = int_or_null(inner, "minor"),
                       .pci_bus = inner.text("pci_bus"),
                       .devices = {},
                       .mounts = {},
                       .slots = int_or_null(inner, "slots")};
    std::vector<model::DeviceNode> devices;
    inner.objects("devices", [&](Fields& node) {
      devices.push_back({node.text("host_path"), node.text("container_path")});
    });
    gpu.devices = std::move(devices);
    std::vector<model::BindMount> mounts;
    inner.objects("mounts", [&](Fields& mount) {
      mounts.push_back({mount.text("host_path"), mount.text("container_path"),
                        mount.yes_no("read_only")});
    });
    gpu.mounts = std::move(mounts);
    if (gpu.slots && (*gpu.slots < 1 || *gpu.slots > model::slots_max)) {
      inner.wrong("slots", "out of range");
    }
    listed.gpus.push_back(std::move(gpu));
  });
  if (auto error = fields.finish()) return std::unexpected(*std::move(error));
  return listed;
}

std::string write_conflict(const model::Conflict& conflict) {
  JsonText out;
  out.text("container", conflict.container.str());
  out.text("name", conflict.name);
  out.text_or_null("lease", conflict.lease);
  out.texts("gpus", conflict.gpus);
  out.number("since_wall_ms", conflict.since.ms);
  return std::move(out).finish();
}

ReadRow<model::Conflict> read_conflict(std::string_view text) {
  Fields fields{text};
  const auto id = fields.parsed(
      "container", [](std::string_view t) { return model::ContainerId::parse(t); },
      "no id of a container");
  const auto name = fields.text("name");
  const auto lease = id_or_null<model::LeaseId>(fields, "lease");
  const auto gpus = gpu_ids(fields, "gpus");
  const model::WallTime since{fields.number("since_wall_ms")};
  if (auto error = fields.finish()) return std::unexpected(*std::move(error));
  return model::Conflict{*id, name, lease, gpus, since};
}

std::string write_fault(const model::GpuFaulty& faulty) {
  JsonText out;
  out.text("gpu", faulty.gpu.str());
  out.text("kind", model::to_string(faulty.state.fault.kind));
  out.number_or_null("xid", faulty.state.fault.xid);
  out.text("detail", faulty.state.fault.detail);
  out.number("since_wall_ms", faulty.state.since.ms);
  out.number_or_null("clears_at_ms", ms_of(faulty.state.clears_at));
  return std::move(out).finish();
}

ReadRow<model::GpuFaulty> read_fault(std::string_view text) {
  Fields fields{text};
  model::GpuFaulty faulty{
      .gpu = id_or<model::GpuId>(fields, "gpu", "none"),
      .state = {.fault = {.kind = fields.parsed("kind", model::parse_fault_kind, "no kind of fault")
                                      .value_or(model::FaultKind::xid),
                          .xid = int_or_null(fields, "xid"),
                          .detail = fields.text("detail")},
                .since = {fields.number("since_wall_ms")},
                .clears_at = instant_or_null(fields, "clears_at_ms")}};
  if (auto error = fields.finish()) return std::unexpected(*std::move(error));
  return faulty;
}

}  // namespace gpuhub::store
