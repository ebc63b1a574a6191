// Bodies of requests -> values of the model, strictly.
#pragma once

#include <expected>
#include <optional>
#include <string_view>

#include "api/json_reader.hpp"
#include "http/message.hpp"
#include "model/record.hpp"

namespace gpuhub::api {

// Who calls, by the socket: nullopt means admin, else this hub.
using Caller = std::optional<model::HubName>;
// "admin" or "hub:NAME"; anything else is nullopt.
std::optional<Caller> parse_role(std::string_view role);
inline constexpr std::string_view local_hub = "local";  // owner.hub of an admin who names none

template <typename T>
using Read = std::expected<T, JsonFaults>;

Read<model::Request> read_ask(std::string_view body, const Caller& caller);
struct BindBody {
  model::ContainerId container;
  model::Epoch epoch;
};
Read<BindBody> read_bind(std::string_view body);
Read<std::vector<model::GpuInfo>> read_listed(std::string_view body);
// At least one of slots and label.
Read<model::GpuSetting> read_gpu_setting(std::string_view body, const model::GpuId& gpu);

// GET /v1/leases?state=live|ended|all&user=&server=; faults name the parameter as "?state".
struct LeaseFilter {
  enum class State : std::uint8_t { live, ended, all } state = State::live;
  std::optional<std::string> user, server;
  bool keeps(const model::Lease& lease, const Caller& caller) const;
};
Read<LeaseFilter> read_lease_filter(const http::Target& target);

}  // namespace gpuhub::api
