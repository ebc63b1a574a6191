#include "api/write.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <format>

namespace gpuhub::api {
namespace {
namespace json = boost::json;

template <typename T>
json::value or_null(const std::optional<T>& value) {
  if (!value) return nullptr;
  return *value;
}
json::value time_or_null(const std::optional<model::WallTime>& at) {
  if (!at) return nullptr;
  return json::string{rfc3339(*at)};
}
json::object owner_json(const model::Owner& owner) {
  return {{"hub", owner.hub.str()}, {"user", owner.user}, {"server", owner.server}};
}
json::array texts(const std::vector<std::string>& from) {
  return json::array(from.begin(), from.end());
}
json::object strings(const std::map<std::string, std::string>& from) {
  json::object out;
  for (const auto& [key, value] : from) out.emplace(key, value);
  return out;
}

json::array gpus_json(const std::vector<model::Gpu>& gpus) {
  json::array out;
  for (const model::Gpu& gpu : gpus) {
    out.push_back(json::object{{"uuid", gpu.info.id.str()},
                               {"index", gpu.index},
                               {"model", gpu.info.model},
                               {"memory_mib", gpu.info.memory.count},
                               {"fault", nullptr}});
    if (gpu.fault) out.back().as_object()["fault"] = gpu.fault->fault.detail;
  }
  return out;
}

struct WantJson {
  json::object operator()(const model::WantCount& want) const { return {{"count", want.count}}; }
  json::object operator()(const model::WantAll&) const { return {{"all", true}}; }
  json::object operator()(const model::WantNone&) const { return {{"none", true}}; }
  json::object operator()(const model::WantGpus& want) const {
    json::array uuids;
    for (const model::GpuId& gpu : want.gpus) uuids.emplace_back(gpu.str());
    return {{"uuids", std::move(uuids)}};
  }
  json::object operator()(const model::WantPositions& want) const {
    return {{"positions", json::array(want.indices.begin(), want.indices.end())}};
  }
};

// The wall's time at which the ledger's time will be `at`.
model::WallTime wall_of(model::Instant at, model::Now now) {
  return {now.wall.ms + (at - now.at).count()};
}

std::int64_t seconds(model::Duration duration) { return (duration.count() + 500) / 1000; }

json::value queue_json(const service::LeaseAnswer& answer, const LeaseShown& how) {
  if (!answer.waiting) return nullptr;
  const service::Waiting& waiting = *answer.waiting;
  json::object out{{"position", waiting.place.position},
                   {"of", waiting.place.of},
                   {"expires_at", nullptr},
                   {"renew_by", rfc3339(wall_of(waiting.place.renew_by, how.now))},
                   {"why", waiting.place.why},
                   {"estimate", nullptr}};
  if (const auto& expires = answer.lease.queue_expires_at) {
    out["expires_at"] = rfc3339(wall_of(*expires, how.now));
  }
  if (const auto& estimate = waiting.estimate) {
    out["estimate"] = json::object{{"early_s", seconds(estimate->early)},
                                   {"likely_s", seconds(estimate->likely)},
                                   {"late_s", seconds(estimate->late)}};
  }
  static const Indices none;
  auto holders = holders_json(waiting.blocked_by, how.indices != nullptr ? *how.indices : none,
                              {how.admin, answer.lease.request.groups, how.show});
  for (auto& [key, value] : holders) out[key] = std::move(value);
  return out;
}

// Times that pass are rounded as people would say them, so that not each second is news.
std::int64_t rounded(model::Duration left) {
  const auto s = seconds(left);
  const std::int64_t step = s < 120 ? 30 : s < 3'600 ? 60 : s < 6 * 3'600 ? 300 : 1'800;
  return (s + step / 2) / step * step;
}

class Digest {  // FNV-1a, 64 bits: two shown states that differ, differ here
 public:
  void add(std::string_view text) {
    for (const char c : text) byte(static_cast<unsigned char>(c));
    byte(0xFF);
  }
  void add(std::int64_t number) {
    for (int shift = 0; shift < 64; shift += 8) {
      byte(static_cast<unsigned char>(static_cast<std::uint64_t>(number) >> shift));
    }
  }
  std::string text() const { return std::format("{:016x}", value_); }

 private:
  void byte(unsigned char c) { value_ = (value_ ^ c) * 0x100000001b3U; }
  std::uint64_t value_ = 0xcbf29ce484222325U;
};

json::value fault_json(const model::Gpu& gpu, model::Now now) {
  if (!gpu.fault) return nullptr;
  const model::FaultState& state = *gpu.fault;
  json::object out{{"kind", model::to_string(state.fault.kind)},
                   {"xid", or_null(state.fault.xid)},
                   {"detail", state.fault.detail},
                   {"since", rfc3339(state.since)},
                   {"clears_at", nullptr}};
  if (state.clears_at) out["clears_at"] = rfc3339(wall_of(*state.clears_at, now));
  return out;
}

json::value load_json(const model::GpuLoad* load) {
  if (load == nullptr) return nullptr;
  json::object out{{"gpu_util", or_null(load->gpu_util_percent)},
                   {"memory_util", or_null(load->memory_util_percent)},
                   {"memory_used_mib", nullptr}};
  if (load->memory_used) out["memory_used_mib"] = load->memory_used->count;
  return out;
}
}  // namespace

std::string rfc3339(model::WallTime at) {
  const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds{at.ms}};
  return std::format("{:%FT%T}Z", time);
}

json::object inject_json(const inject::Injection& injection) {
  json::array requests, devices, mounts;
  for (const inject::DeviceRequest& request : injection.device_requests) {
    json::object one{{"Driver", request.driver}, {"DeviceIDs", texts(request.device_ids)}};
    if (request.driver == "nvidia") one["Capabilities"] = json::array{json::array{"gpu"}};
    requests.push_back(std::move(one));
  }
  for (const model::DeviceNode& node : injection.devices) {
    devices.push_back(json::object{{"PathOnHost", node.host_path},
                                   {"PathInContainer", node.container_path},
                                   {"CgroupPermissions", "rw"}});
  }
  for (const model::BindMount& mount : injection.mounts) {
    mounts.push_back(json::object{{"Type", "bind"},
                                  {"Source", mount.host_path},
                                  {"Target", mount.container_path},
                                  {"ReadOnly", mount.read_only}});
  }
  return {{"driver", injection.driver},
          {"host_config", json::object{{"DeviceRequests", std::move(requests)},
                                       {"Devices", std::move(devices)},
                                       {"Mounts", std::move(mounts)}}},
          {"environment", strings(injection.environment)},
          {"labels", strings(injection.labels)},
          {"docker_run", texts(injection.docker_run)}};
}

std::string revision_of(const service::LeaseAnswer& answer) {
  const model::Lease& lease = answer.lease;
  Digest digest;
  digest.add(to_string(lease.state));
  if (lease.reason) digest.add(to_string(*lease.reason));
  if (lease.container) digest.add(lease.container->str());
  for (const model::Gpu& gpu : answer.gpus) {
    digest.add(gpu.fault ? std::string_view{gpu.fault->fault.detail} : std::string_view{});
  }
  if (!answer.waiting) return digest.text();
  digest.add(static_cast<std::int64_t>(answer.waiting->place.position));
  digest.add(static_cast<std::int64_t>(answer.waiting->place.of));
  digest.add(answer.waiting->place.why);
  if (const auto& estimate = answer.waiting->estimate) {
    for (const auto left : {estimate->early, estimate->likely, estimate->late}) {
      digest.add(rounded(left));
    }
  }
  for (const model::Lease& holder : answer.waiting->blocked_by) digest.add(holder.id.str());
  return digest.text();
}

json::object lease_json(const service::LeaseAnswer& answer, const LeaseShown& how) {
  const model::Lease& lease = answer.lease;
  json::object out{
      {"id", lease.id.str()},
      {"request_id", lease.request.id.str()},
      {"owner", owner_json(lease.request.owner)},
      {"state", model::to_string(lease.state)},
      {"reason", nullptr},
      {"exit_code", or_null(lease.exit_code)},
      {"oom_killed", or_null(lease.oom_killed)},
      {"host", lease.host.str()},
      {"wants", std::visit(WantJson{}, lease.request.want)},
      {"gpus", gpus_json(answer.gpus)},
      {"mode", model::to_string(lease.request.mode)},
      {"capabilities", texts(lease.request.capabilities)},
      {"container", nullptr},
      {"epoch", lease.epoch.str()},
      {"revision", revision_of(answer)},
      {"queue", queue_json(answer, how)},
      {"created_at", rfc3339(lease.created_wall)},
      {"granted_at", time_or_null(lease.granted_wall)},
      {"bound_at", time_or_null(lease.bound_wall)},
      {"ended_at", time_or_null(lease.ended_wall)},
      {"bind_expires_at", nullptr}};
  if (lease.state == model::LeaseState::granted && lease.bind_expires_at) {
    out["bind_expires_at"] = rfc3339(wall_of(*lease.bind_expires_at, how.now));
  }
  if (lease.reason) out["reason"] = model::to_string(*lease.reason);
  if (lease.container) out["container"] = lease.container->str();
  if (how.injection != nullptr) out["inject"] = inject_json(*how.injection);
  return out;
}

std::string_view gpu_state(const model::Gpu& gpu) {
  if (!gpu.present) return "missing";
  if (gpu.fault) return "faulty";
  return gpu.drained ? "draining" : "ok";
}

json::object gpu_json(const service::GpuView& view, const GpuShown& how) {
  json::array leases, conflicts, foreign;
  for (const model::Lease& lease : view.leases) {
    json::object one{{"id", lease.id.str()},
                     {"state", model::to_string(lease.state)},
                     {"mode", model::to_string(lease.request.mode)},
                     {"since", rfc3339(lease.granted_wall.value_or(lease.created_wall))},
                     {"owner", nullptr}};
    if (how.owners) one["owner"] = owner_json(lease.request.owner);
    leases.push_back(std::move(one));
  }
  for (const model::Conflict& conflict : view.conflicts) {
    json::object one{{"container", conflict.container.str()},
                     {"name", nullptr},
                     {"lease", nullptr},
                     {"since", rfc3339(conflict.since)}};
    if (how.owners) one["name"] = conflict.name;
    if (conflict.lease) one["lease"] = conflict.lease->str();
    conflicts.push_back(std::move(one));
  }
  for (const model::Foreign& one : view.foreign) {
    json::object shown{{"container", one.container.str()},
                       {"name", nullptr},
                       {"image", nullptr},
                       {"watches", one.watches},
                       {"since", rfc3339(one.since)}};
    if (how.owners) {
      shown["name"] = one.name;
      shown["image"] = one.image;
    }
    foreign.push_back(std::move(shown));
  }
  const bool used = !view.leases.empty() || !view.conflicts.empty();
  return {{"uuid", view.gpu.info.id.str()},
          {"index", view.gpu.index},
          {"model", view.gpu.info.model},
          {"memory_mib", view.gpu.info.memory.count},
          {"slots", view.gpu.slots},
          {"used", view.leases_used + static_cast<int>(view.conflicts.size())},
          {"mode", view.exclusive ? "exclusive" : used ? "shared" : "free"},
          {"state", gpu_state(view.gpu)},
          {"fault", fault_json(view.gpu, how.now)},
          {"label", view.gpu.label},
          {"host", how.host},
          {"leases", std::move(leases)},
          {"conflicts", std::move(conflicts)},
          {"foreign", std::move(foreign)},
          {"load", load_json(how.load)}};
}

json::object holders_json(std::span<const model::Lease> leases,
                          const Indices& indices, const Onlooker& onlooker) {
  json::array holders;
  int hidden = 0;
  for (const model::Lease& lease : leases) {
    const bool same_group = std::ranges::any_of(lease.request.groups, [&](const auto& group) {
      return std::ranges::contains(onlooker.groups, group);
    });
    const bool shown = onlooker.admin || onlooker.show == config::ShowHolders::all ||
                       (onlooker.show == config::ShowHolders::group && same_group);
    for (const model::GpuId& gpu : lease.gpus) {
      if (!shown) {
        ++hidden;
        continue;
      }
      const auto index = indices.find(gpu);
      json::object one{{"gpu", gpu.str()},
                       {"index", nullptr},
                       {"user", lease.request.owner.user},
                       {"server", lease.request.owner.server},
                       {"since", rfc3339(lease.granted_wall.value_or(lease.created_wall))}};
      if (index != indices.end()) one["index"] = index->second;
      holders.push_back(std::move(one));
    }
  }
  return {{"holders", std::move(holders)}, {"hidden", hidden}};
}

}  // namespace gpuhub::api
