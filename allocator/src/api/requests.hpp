// Bodies of requests -> values of the model, strictly.
#pragma once

#include <expected>
#include <optional>
#include <string_view>

#include "api/json_reader.hpp"
#include "http/message.hpp"
#include "model/record.hpp"

namespace gpuhub::api {

// Who calls, by the socket and, on the one for people of this host, by the peer's account.
struct Caller {
  std::optional<model::HubName> hub;   // nullopt: the admin
  std::optional<std::string> account;  // one person of this host, and no other
  bool admin() const { return !hub; }
  // May this caller see and end the lease?
  bool owns(const model::Owner& owner) const;
};
// "admin", "hub:NAME" or "local" (then `account` is the caller's); anything else is nullopt.
std::optional<Caller> parse_role(std::string_view role, const std::string& account = {});
inline constexpr std::string_view local_hub = "local";  // owner.hub of who comes without a hub

template <typename T>
using Read = std::expected<T, JsonFaults>;

Read<model::Request> read_ask(std::string_view body, const Caller& caller);
struct BindBody {
  model::ContainerId container;
  model::Epoch epoch;
};
Read<BindBody> read_bind(std::string_view body);
Read<std::vector<model::GpuInfo>> read_listed(std::string_view body);
struct GpuChange {
  model::GpuSetting setting;
  bool clear_fault = false;
};
// At least one of slots, label, drain and clear_fault.
Read<GpuChange> read_gpu_change(std::string_view body, const model::GpuId& gpu);

// GET /v1/leases/{id}?wait=SECONDS&revision=TEXT
inline constexpr int wait_max_s = 50;  // below the server's limit for an answer
struct LeaseWait {
  int seconds = 0;                     // 0: answer at once
  std::optional<std::string> revision;
};
Read<LeaseWait> read_lease_wait(const http::Target& target);

// GET /v1/leases?state=live|ended|all&user=&server=&limit=; faults name the parameter as "?state".
inline constexpr int lease_limit_max = 1000;
struct LeaseFilter {
  enum class State : std::uint8_t { live, ended, all } state = State::live;
  std::optional<std::string> user, server;
  std::optional<int> limit;            // so many, those asked for last, newest first
  bool keeps(const model::Lease& lease, const Caller& caller) const;
};
Read<LeaseFilter> read_lease_filter(const http::Target& target);

// GET /v1/gpus?user=NAME&groups=A,B: as that person may see it. Not for people of this host, whom
// the socket knows.
struct Person {
  std::string user;
  std::vector<std::string> groups;
};
Read<std::optional<Person>> read_person(const http::Target& target, const Caller& caller);

}  // namespace gpuhub::api
