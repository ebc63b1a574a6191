#include "api/requests.hpp"

#include <boost/json/monotonic_resource.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <format>
#include <ranges>
#include <set>

#include "config/config.hpp"
#include "config/places.hpp"
#include "model/assert.hpp"

namespace gpuhub::api {
namespace {
bool plain_text(std::string_view text, std::size_t least, std::size_t most) {
  return text.size() >= least && text.size() <= most &&
         std::ranges::none_of(text, [](char c) { return (c >= 0 && c < ' ') || c == 127; });
}
bool absolute(std::string_view path) {
  return path.starts_with('/') && path.size() <= 4095 && !path.contains("/../") &&
         !path.ends_with("/..") && path.find_first_of(":,\"'\\") == path.npos &&
         plain_text(path, 1, 4095);
}
constexpr Rule request_id{model::RequestTag::valid, "1 to 128 letters, digits and ._:-"};
constexpr Rule hub_name{model::HubTag::valid, "1 to 32 of a-z, 0-9 and -"};
constexpr Rule gpu_id{model::GpuTag::valid, "a GPU's UUID: 1 to 96 letters, digits and ._:-"};
constexpr Rule container_id{model::ContainerTag::valid, "the engine's id: 64 of 0-9 and a-f"};
constexpr Rule epoch{model::EpochTag::valid, "the lease's epoch"};
constexpr Rule user{[](std::string_view t) { return plain_text(t, 1, 255); },
                    "1 to 255 bytes without control characters"};
constexpr Rule server{[](std::string_view t) { return plain_text(t, 0, 255); },
                      "up to 255 bytes without control characters"};
constexpr Rule label{[](std::string_view t) { return plain_text(t, 0, 64); },
                     "up to 64 bytes without control characters"};
constexpr Rule gpu_model{[](std::string_view t) { return plain_text(t, 1, 128); },
                         "1 to 128 bytes without control characters"};
constexpr Rule mode{[](std::string_view t) { return model::parse_mode(t).has_value(); },
                    "\"shared\", \"exclusive\""};
constexpr Rule capability{config::is_capability, config::capabilities_allowed};
constexpr Rule device{[](std::string_view t) {
                        const auto colon = t.find(':');
                        return absolute(t.substr(0, colon)) &&
                               (colon == t.npos || absolute(t.substr(colon + 1)));
                      },
                      "\"/dev/NAME\" or \"/dev/NAME:/dev/NAME-IN-CONTAINER\""};
constexpr Rule mount{[](std::string_view t) {
                       const auto bare = t.ends_with(":ro") || t.ends_with(":rw")
                                             ? t.substr(0, t.size() - 3) : t;
                       const auto colon = bare.find(':');
                       return colon != bare.npos && absolute(bare.substr(0, colon)) &&
                              absolute(bare.substr(colon + 1));
                     },
                     "\"/host/path:/container/path\", with \":rw\" if it may be written"};

// Parses, lets `fill` read the fields, and gives what was read or all that is wrong.
template <typename T, typename Fill>
Read<T> read_body(std::string_view body, Fill fill) {
  // A usual body fits here; of a longer one the rest comes from the heap.
  std::array<unsigned char, 4096> room;  // NOLINT: filled by who uses it
  boost::json::monotonic_resource memory{room.data(), room.size()};
  const auto document = parse_json(body, &memory);
  if (!document) return std::unexpected{JsonFaults{document.error()}};
  JsonFaults faults;
  Object top{*document, "", faults};
  std::optional<T> value = fill(top);
  top.finish();
  if (!faults.empty()) return std::unexpected{std::move(faults)};
  GPUHUB_ASSERT(value.has_value());
  return std::move(*value);
}

// Of a person of this host only the server's name is read: who that is, the socket tells.
std::optional<model::Owner> read_owner(Object& top, const Caller& caller,
                                       std::vector<std::string>& groups) {
  auto owner = top.object("owner", caller.account ? Need::optional : Need::required);
  if (!owner) {
    if (!caller.account) return std::nullopt;
    return model::Owner{*caller.hub, *caller.account, ""};
  }
  const auto named = owner->text("server", Need::optional, server);
  std::optional<std::string> name = caller.account;
  if (!name) {
    name = owner->text("user", Need::required, user);
    groups = owner->texts("groups", Need::optional, user).value_or(std::vector<std::string>{});
  }
  std::optional<model::HubName> hub = caller.hub;
  if (!hub && owner->has("hub")) {
    if (const auto text = owner->text("hub", Need::required, hub_name)) {
      hub = model::HubName::parse(*text);
    }
  } else if (!hub) {
    hub = model::HubName::parse(local_hub);
  }
  // A hub that names itself or another: refused as forbidden before this (api.cpp); here unknown.
  owner->finish();
  if (!name || !hub) return std::nullopt;
  return model::Owner{*hub, *name, named.value_or("")};
}

std::optional<model::Want> read_want(Object& top) {
  auto gpus = top.object("gpus", Need::required);
  if (!gpus) return std::nullopt;
  const int most = static_cast<int>(model::gpus_max);
  std::vector<model::Want> wants;
  if (const auto count = gpus->integer("count", Need::optional, 1, most)) {
    wants.emplace_back(model::WantCount{*count});
  }
  if (const auto uuids = gpus->texts("uuids", Need::optional, gpu_id)) {
    model::WantGpus want;
    for (const std::string& uuid : *uuids) want.gpus.push_back(*model::GpuId::parse(uuid));
    if (want.gpus.empty()) gpus->fault("uuids", "names no GPU; for none say {\"none\": true}");
    wants.emplace_back(std::move(want));
  }
  if (auto positions = gpus->integers("positions", Need::optional, 0, most - 1)) {
    if (positions->empty()) {
      gpus->fault("positions", "names no GPU; for none say {\"none\": true}");
    }
    wants.emplace_back(model::WantPositions{std::move(*positions)});
  }
  if (gpus->truth("all")) wants.emplace_back(model::WantAll{});
  if (gpus->truth("none")) wants.emplace_back(model::WantNone{});
  gpus->finish();
  int named = 0;
  for (const auto* key : {"count", "uuids", "positions", "all", "none"}) named += gpus->has(key);
  if (named != 1) gpus->fault("", "expected one of count, uuids, positions, all, none");
  if (wants.size() != 1) return std::nullopt;
  return std::move(wants.front());
}

// A parameter of 1 to `most`; else 0 and a fault.
int whole_number(const std::string& key, std::string_view value, int most, JsonFaults& faults) {
  int number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool whole = error == std::errc{} && end == value.data() + value.size();
  if (whole && number >= 1 && number <= most) return number;
  faults.push_back({"?" + key, std::format("not allowed; allowed: 1 to {}", most)});
  return 0;
}

std::optional<model::GpuInfo> read_gpu(Object& gpu) {
  const auto uuid = gpu.text("uuid", Need::required, gpu_id);
  const auto name = gpu.text("model", Need::optional, gpu_model);
  const auto memory = gpu.integer("memory_mib", Need::optional, 0, 16 * 1024 * 1024);
  const auto devices = gpu.texts("devices", Need::optional, device);
  const auto mounts = gpu.texts("mounts", Need::optional, mount);
  const auto slots = gpu.integer("slots", Need::optional, 1, model::slots_max);
  if (!uuid) return std::nullopt;
  model::GpuInfo info{*model::GpuId::parse(*uuid), name.value_or("GPU"), {memory.value_or(0)}, {},
                      {}, {}, {}, slots};
  if (devices) info.devices = config::device_nodes(*devices);
  if (mounts) info.mounts = config::bind_mounts(*mounts);
  return info;
}
}  // namespace

bool Caller::owns(const model::Owner& owner) const {
  if (admin()) return true;
  return owner.hub == *hub && (!account || owner.user == *account);
}

std::optional<Caller> parse_role(std::string_view role, const std::string& account) {
  if (role == "admin") return Caller{};
  if (role == local_hub) return Caller{model::HubName::parse(local_hub), account};
  if (!role.starts_with("hub:")) return std::nullopt;
  auto hub = model::HubName::parse(role.substr(4));
  if (!hub) return std::nullopt;
  return Caller{std::move(hub), {}};
}

Read<model::Request> read_ask(std::string_view body, const Caller& caller) {
  return read_body<model::Request>(body, [&](Object& top) -> std::optional<model::Request> {
    std::vector<std::string> groups;
    const auto id = top.text("request_id", Need::required, request_id);
    auto owner = read_owner(top, caller, groups);
    auto want = read_want(top);
    const auto how = top.text("mode", Need::optional, mode);
    auto wanted = top.texts("capabilities", Need::optional, capability);
    const auto wait = top.yes_no("wait");
    if (!id || !owner || !want) return std::nullopt;
    return model::Request{.id = *model::RequestId::parse(*id),
                          .owner = std::move(*owner),
                          .groups = std::move(groups),
                          .want = std::move(*want),
                          .mode = *model::parse_mode(how.value_or("shared")),
                          .capabilities = std::move(wanted).value_or(std::vector<std::string>{}),
                          .wait = wait.value_or(false)};
  });
}

Read<BindBody> read_bind(std::string_view body) {
  return read_body<BindBody>(body, [](Object& top) -> std::optional<BindBody> {
    const auto id = top.text("container", Need::required, container_id);
    const auto of = top.text("epoch", Need::required, epoch);
    if (!id || !of) return std::nullopt;
    return BindBody{*model::ContainerId::parse(*id), *model::Epoch::parse(*of)};
  });
}

Read<std::vector<model::GpuInfo>> read_listed(std::string_view body) {
  using Gpus = std::vector<model::GpuInfo>;
  return read_body<Gpus>(body, [](Object& top) -> std::optional<Gpus> {
    Gpus gpus;
    std::set<model::GpuId> seen;
    const bool there = top.objects("gpus", Need::required, [&](Object& one) {
      auto gpu = read_gpu(one);
      if (!gpu) return;
      if (!seen.insert(gpu->id).second) one.fault("uuid", "stands there twice");
      gpus.push_back(std::move(*gpu));
    });
    if (gpus.size() > model::gpus_max) {
      top.fault("gpus", std::format("too many GPUs; allowed: up to {}", model::gpus_max));
    }
    if (!there) return std::nullopt;
    return gpus;
  });
}

Read<GpuChange> read_gpu_change(std::string_view body, const model::GpuId& gpu) {
  return read_body<GpuChange>(body, [&](Object& top) -> std::optional<GpuChange> {
    GpuChange change{{gpu, top.integer("slots", Need::optional, 1, model::slots_max),
                      top.text("label", Need::optional, label), top.yes_no("drain")},
                     top.truth("clear_fault")};
    const auto keys = {"slots", "label", "drain", "clear_fault"};
    if (std::ranges::none_of(keys, [&](const char* key) { return top.has(key); })) {
      top.fault("", "expected slots, label, drain or clear_fault");
    }
    return change;
  });
}

Read<LeaseWait> read_lease_wait(const http::Target& target) {
  LeaseWait wait;
  JsonFaults faults;
  std::set<std::string> seen;
  for (const auto& [key, value] : target.query) {
    if (!seen.insert(key).second) {
      faults.push_back({"?" + key, "stands there twice"});
    } else if (key == "revision" && value.size() <= 64) {
      wait.revision = value;
    } else if (key == "wait") {
      wait.seconds = whole_number(key, value, wait_max_s, faults);
    } else {
      faults.push_back({"?" + key, "unknown parameter; allowed: wait, revision"});
    }
  }
  if (!seen.contains("wait") && seen.contains("revision")) {
    faults.push_back({"?revision", "goes with wait"});
  }
  if (!faults.empty()) return std::unexpected{std::move(faults)};
  return wait;
}

bool LeaseFilter::keeps(const model::Lease& lease, const Caller& caller) const {
  const model::Owner& owner = lease.request.owner;
  if (!caller.owns(owner)) return false;
  if (state != State::all && lease.live() != (state == State::live)) return false;
  return (!user || *user == owner.user) && (!server || *server == owner.server);
}

Read<LeaseFilter> read_lease_filter(const http::Target& target) {
  LeaseFilter filter;
  JsonFaults faults;
  std::set<std::string> seen;
  for (const auto& [key, value] : target.query) {
    if (!seen.insert(key).second) {
      faults.push_back({"?" + key, "stands there twice"});
    } else if (key == "user") {
      filter.user = value;
    } else if (key == "server") {
      filter.server = value;
    } else if (key == "limit") {
      filter.limit = whole_number(key, value, lease_limit_max, faults);
    } else if (key != "state") {
      faults.push_back({"?" + key, "unknown parameter; allowed: state, user, server, limit"});
    } else if (value == "live" || value == "ended" || value == "all") {
      using enum LeaseFilter::State;
      filter.state = value == "live" ? live : value == "ended" ? ended : all;
    } else {
      faults.push_back({"?state", "not allowed; allowed: live, ended, all"});
    }
  }
  if (!faults.empty()) return std::unexpected{std::move(faults)};
  return filter;
}

Read<std::optional<Person>> read_person(const http::Target& target, const Caller& caller) {
  if (target.query.empty()) return std::nullopt;
  Person person;
  JsonFaults faults;
  std::set<std::string> seen;
  for (const auto& [key, value] : target.query) {
    if (!seen.insert(key).second) {
      faults.push_back({"?" + key, "stands there twice"});
    } else if (key == "user") {
      if (!user.good(value)) faults.push_back({"?user", "not allowed"});
      person.user = value;
    } else if (key == "groups") {
      for (const auto part : std::views::split(value, ',')) {
        if (!part.empty()) person.groups.emplace_back(part.begin(), part.end());
      }
    } else {
      faults.push_back({"?" + key, "unknown parameter; allowed: user, groups"});
    }
  }
  if (!seen.contains("user")) faults.push_back({"?groups", "goes with user"});
  if (caller.account) faults.push_back({"?user", "who calls is known by the socket"});
  if (!faults.empty()) return std::unexpected{std::move(faults)};
  return person;
}

}  // namespace gpuhub::api
