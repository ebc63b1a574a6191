#include "store/rows.hpp"

#include <algorithm>
#include <utility>

#include "store/json_fields.hpp"

namespace gpuhub::store {
namespace {

namespace json = boost::json;

template <typename Value>
json::value or_null(const std::optional<Value>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}
json::value wall_or_null(const std::optional<model::WallTime>& at) {
  return at ? json::value(at->ms) : json::value(nullptr);
}
template <typename Ids>
json::array names(const Ids& ids) {
  json::array texts;
  for (const auto& id : ids) texts.emplace_back(id.str());
  return texts;
}
json::array texts_of(const std::vector<std::string>& texts) {
  return json::array(texts.begin(), texts.end());
}

// Reads an int; what does not fit is wrong.
std::optional<int> int_or_null(Fields& fields, const char* key) {
  const auto number = fields.number_or_null(key);
  if (number && !std::in_range<int>(*number)) fields.wrong(key, "out of range");
  return number ? std::optional<int>(static_cast<int>(*number)) : std::nullopt;
}
json::value instant_or_null(const std::optional<model::Instant>& at) {
  return at ? json::value(at->ms) : json::value(nullptr);
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
  json::object operator()(const model::WantCount& want) const {
    return {{"kind", "count"}, {"count", want.count}};
  }
  json::object operator()(const model::WantGpus& want) const {
    return {{"kind", "gpus"}, {"gpus", names(want.gpus)}};
  }
  json::object operator()(const model::WantPositions& want) const {
    return {{"kind", "positions"},
            {"positions", json::array(want.indices.begin(), want.indices.end())}};
  }
  json::object operator()(const model::WantAll&) const { return {{"kind", "all"}}; }
  json::object operator()(const model::WantNone&) const { return {{"kind", "none"}}; }
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
json::object write_request(const model::Request& request) {
  return {{"id", request.id.str()},
          {"owner", {{"hub", request.owner.hub.str()},
                     {"user", request.owner.user},
                     {"server", request.owner.server}}},
          {"groups", texts_of(request.groups)},
          {"want", std::visit(WriteWant{}, request.want)},
          {"mode", model::to_string(request.mode)},
          {"capabilities", texts_of(request.capabilities)},
          {"wait", request.wait}};
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

std::string write_lease(const model::Lease& lease) {
  const auto reason = lease.reason ? json::value(model::to_string(*lease.reason)) : json::value();
  const auto container = lease.container ? json::value(lease.container->str()) : json::value();
  return json::serialize(json::object{
      {"id", lease.id.str()},
      {"request", write_request(lease.request)},
      {"host", lease.host.str()},
      {"epoch", lease.epoch.str()},
      {"state", model::to_string(lease.state)},
      {"gpus", names(lease.gpus)},
      {"container", container},
      {"asked_at_ms", lease.asked_at.ms},
      {"queue_expires_at_ms", instant_or_null(lease.queue_expires_at)},
      {"granted_at_ms", instant_or_null(lease.granted_at)},
      {"bind_expires_at_ms", instant_or_null(lease.bind_expires_at)},
      {"ended_at_ms", instant_or_null(lease.ended_at)},
      {"created_wall_ms", lease.created_wall.ms},
      {"granted_wall_ms", wall_or_null(lease.granted_wall)},
      {"bound_wall_ms", wall_or_null(lease.bound_wall)},
      {"ended_wall_ms", wall_or_null(lease.ended_wall)},
      {"reason", reason},
      {"exit_code", or_null(lease.exit_code)},
      {"oom_killed", or_null(lease.oom_killed)}});
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
  json::array gpus;
  for (const auto& gpu : listed.gpus) {
    json::array devices;
    for (const auto& node : gpu.devices) {
      devices.push_back({{"host_path", node.host_path}, {"container_path", node.container_path}});
    }
    json::array mounts;
    for (const auto& mount : gpu.mounts) {
      mounts.push_back({{"host_path", mount.host_path},
                        {"container_path", mount.container_path},
                        {"read_only", mount.read_only}});
    }
    gpus.push_back(json::object{{"id", gpu.id.str()},
                                {"model", gpu.model},
                                {"memory_mib", gpu.memory.count},
                                {"minor", or_null(gpu.minor)},
                                {"pci_bus", gpu.pci_bus},
                                {"devices", std::move(devices)},
                                {"mounts", std::move(mounts)},
                                {"slots", or_null(gpu.slots)}});
  }
  return json::serialize(json::object{{"gpus", std::move(gpus)}});
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
    inner.objects("devices", [&](Fields& node) {
      gpu.devices.push_back({node.text("host_path"), node.text("container_path")});
    });
    inner.objects("mounts", [&](Fields& mount) {
      gpu.mounts.push_back({mount.text("host_path"), mount.text("container_path"),
                            mount.yes_no("read_only")});
    });
    if (gpu.slots && (*gpu.slots < 1 || *gpu.slots > model::slots_max)) {
      inner.wrong("slots", "out of range");
    }
    listed.gpus.push_back(std::move(gpu));
  });
  if (auto error = fields.finish()) return std::unexpected(*std::move(error));
  return listed;
}

std::string write_conflict(const model::Conflict& conflict) {
  return json::serialize(json::object{
      {"container", conflict.container.str()},
      {"name", conflict.name},
      {"lease", conflict.lease ? json::value(conflict.lease->str()) : json::value()},
      {"gpus", names(conflict.gpus)},
      {"since_wall_ms", conflict.since.ms}});
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
  return json::serialize(json::object{
      {"gpu", faulty.gpu.str()},
      {"kind", model::to_string(faulty.state.fault.kind)},
      {"xid", or_null(faulty.state.fault.xid)},
      {"detail", faulty.state.fault.detail},
      {"since_wall_ms", faulty.state.since.ms},
      {"clears_at_ms", instant_or_null(faulty.state.clears_at)}});
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
