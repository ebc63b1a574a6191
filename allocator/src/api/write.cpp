#include "api/write.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <chrono>
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
                               {"memory_mib", gpu.info.memory.count}});
  }
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

json::object lease_json(const service::LeaseAnswer& answer, const inject::Injection* injection,
                        model::Now now) {
  const model::Lease& lease = answer.lease;
  const bool waits = lease.state == model::LeaseState::granted;
  const model::WallTime expires{now.wall.ms + (lease.bind_expires_at - now.at).count()};
  json::object out{
      {"id", lease.id.str()},
      {"request_id", lease.request.id.str()},
      {"owner", owner_json(lease.request.owner)},
      {"state", model::to_string(lease.state)},
      {"reason", nullptr},
      {"exit_code", or_null(lease.exit_code)},
      {"oom_killed", or_null(lease.oom_killed)},
      {"host", lease.host.str()},
      {"gpus", gpus_json(answer.gpus)},
      {"mode", model::to_string(lease.request.mode)},
      {"capabilities", texts(lease.request.capabilities)},
      {"container", nullptr},
      {"epoch", lease.epoch.str()},
      {"created_at", rfc3339(lease.created_wall)},
      {"bound_at", time_or_null(lease.bound_wall)},
      {"ended_at", time_or_null(lease.ended_wall)},
      {"bind_expires_at", time_or_null(waits ? std::optional{expires} : std::nullopt)}};
  if (lease.reason) out["reason"] = model::to_string(*lease.reason);
  if (lease.container) out["container"] = lease.container->str();
  if (injection != nullptr) out["inject"] = inject_json(*injection);
  return out;
}

json::object gpu_json(const service::GpuView& view, const GpuShown& how) {
  json::array leases, conflicts;
  for (const model::Lease& lease : view.leases) {
    json::object one{{"id", lease.id.str()},
                     {"state", model::to_string(lease.state)},
                     {"mode", model::to_string(lease.request.mode)},
                     {"since", rfc3339(lease.created_wall)},
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
  const bool used = !view.leases.empty() || !view.conflicts.empty();
  return {{"uuid", view.gpu.info.id.str()},
          {"index", view.gpu.index},
          {"model", view.gpu.info.model},
          {"memory_mib", view.gpu.info.memory.count},
          {"slots", view.gpu.slots},
          {"used", view.leases_used + static_cast<int>(view.conflicts.size())},
          {"mode", view.exclusive ? "exclusive" : used ? "shared" : "free"},
          {"state", view.gpu.present ? "ok" : "missing"},
          {"label", view.gpu.label},
          {"host", how.host},
          {"leases", std::move(leases)},
          {"conflicts", std::move(conflicts)},
          {"load", load_json(how.load)}};
}

json::object holders_json(std::span<const model::Lease> leases,
                          const std::map<model::GpuId, int>& indices, const Onlooker& onlooker) {
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
                       {"since", rfc3339(lease.created_wall)}};
      if (index != indices.end()) one["index"] = index->second;
      holders.push_back(std::move(one));
    }
  }
  return {{"holders", std::move(holders)}, {"hidden", hidden}};
}

}  // namespace gpuhub::api
