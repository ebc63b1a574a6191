#include "api/write.hpp"

#include "api/write_usage.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <ranges>

namespace gpuhub::api {
namespace {
using text::JsonKey;
using text::JsonText;

void write_time(JsonText& out, const JsonKey& key, const std::optional<model::WallTime>& at) {
  if (at) {
    out.text(key, rfc3339(*at));
  } else {
    out.null(key);
  }
}
void write_owner(JsonText& out, const JsonKey& key, const model::Owner& owner) {
  out.object(key, [&] {
    out.text("hub", owner.hub.str());
    out.text("user", owner.user);
    out.text("server", owner.server);
  });
}
void write_strings(JsonText& out, const JsonKey& key, const inject::Pairs& from) {
  out.object(key, [&] {
    for (const auto& [name, value] : from) out.member(name, value);
  });
}

void write_gpus(JsonText& out, const JsonKey& key, const std::vector<model::Gpu>& gpus) {
  out.list(key, gpus, [&](const model::Gpu& gpu) {
    out.object_item([&] {
      out.text("uuid", gpu.info.id.str());
      out.number("index", gpu.index);
      out.text("model", gpu.info.model);
      out.number("memory_mib", gpu.info.memory.count);
      if (gpu.fault) {
        out.text("fault", gpu.fault->fault.detail);
      } else {
        out.null("fault");
      }
    });
  });
}

struct WriteWant {
  JsonText& out;
  void operator()(const model::WantCount& want) const { out.number("count", want.count); }
  void operator()(const model::WantAll&) const { out.yes_no("all", true); }
  void operator()(const model::WantNone&) const { out.yes_no("none", true); }
  void operator()(const model::WantGpus& want) const {
    out.texts("uuids", want.gpus);
  }
  void operator()(const model::WantPositions& want) const {
    out.list("positions", want.indices, [&](int index) { out.number_item(index); });
  }
};

std::int64_t seconds(model::Duration duration) { return (duration.count() + 500) / 1000; }

void write_queue(JsonText& out, const JsonKey& key, const service::LeaseAnswer& answer,
                 const LeaseShown& how) {
  if (!answer.waiting) return out.null(key);
  const service::Waiting& waiting = *answer.waiting;
  out.object(key, [&] {
    out.number("position", static_cast<std::int64_t>(waiting.place.position));
    out.number("of", static_cast<std::int64_t>(waiting.place.of));
    const auto& expires = answer.lease.queue_expires_at;
    write_time(out, "expires_at",
               expires ? std::optional{wall_of(*expires, how.now)} : std::nullopt);
    out.text("renew_by", rfc3339(wall_of(waiting.place.renew_by, how.now)));
    out.text("why", waiting.place.why);
    if (const auto& estimate = waiting.estimate) {
      out.object("estimate", [&] {
        out.number("early_s", seconds(estimate->early));
        out.number("likely_s", seconds(estimate->likely));
        out.number("late_s", seconds(estimate->late));
      });
    } else {
      out.null("estimate");
    }
    static const Indices none;
    write_holders(out, waiting.blocked_by, how.indices != nullptr ? *how.indices : none,
                  {.admin = how.admin, .groups = answer.lease.request.groups, .show = how.show});
  });
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
  std::string text() const {
    std::string out(16, '0');
    auto left = value_;
    for (auto& digit : std::views::reverse(out)) {
      digit = "0123456789abcdef"[left % 16];
      left /= 16;
    }
    return out;
  }

 private:
  void byte(unsigned char c) { value_ = (value_ ^ c) * 0x100000001b3U; }
  std::uint64_t value_ = 0xcbf29ce484222325U;
};

void write_fault(JsonText& out, const JsonKey& key, const model::Gpu& gpu, model::Now now) {
  if (!gpu.fault) return out.null(key);
  const model::FaultState& state = *gpu.fault;
  out.object(key, [&] {
    out.text("kind", model::to_string(state.fault.kind));
    out.number_or_null("xid", state.fault.xid);
    out.text("detail", state.fault.detail);
    out.text("since", rfc3339(state.since));
    write_time(out, "clears_at",
               state.clears_at ? std::optional{wall_of(*state.clears_at, now)} : std::nullopt);
  });
}

void write_holder(JsonText& out, const model::Lease& lease, const model::GpuId& gpu,
                  const Indices& indices) {
  out.object_item([&] {
    out.text("gpu", gpu.str());
    const auto index = indices.find(gpu);
    out.number_or_null("index",
                       index == indices.end() ? std::nullopt : std::optional{index->second});
    out.text("user", lease.request.owner.user);
    out.text("server", lease.request.owner.server);
    out.text("since", rfc3339(lease.granted_wall.value_or(lease.created_wall)));
  });
}

// `width` digits at `to`, and `end` behind them.
char* write_digits(char* to, unsigned value, int width, char end) {
  for (int i = width - 1; i >= 0; --i, value /= 10) to[i] = static_cast<char>('0' + value % 10);
  to[width] = end;
  return to + width + 1;
}
}  // namespace

model::WallTime wall_of(model::Instant at, model::Now now) {
  return {now.wall.ms + (at - now.at).count()};
}

bool Onlooker::sees(const model::Lease& lease) const {
  if (sees_all()) return true;
  const model::Owner& owner = lease.request.owner;
  const bool own = !user.empty() && owner.user == user && (hub == nullptr || owner.hub == *hub);
  return own || (show == config::ShowHolders::group &&
                 std::ranges::any_of(lease.request.groups, [&](const auto& group) {
                   return std::ranges::contains(groups, group);
                 }));
}

// By hand: it stands in every answer several times, and std::format of a time costs more than all
// else in it. Years have four digits, as RFC 3339 wants them.
TimeText rfc3339(model::WallTime at) {
  using std::chrono::milliseconds, std::chrono::sys_days, std::chrono::sys_time;
  const sys_time<milliseconds> time{milliseconds{at.ms}};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  TimeText out;
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  char* to = write_digits(out.text.data(), year, 4, '-');
  to = write_digits(to, static_cast<unsigned>(date.month()), 2, '-');
  to = write_digits(to, static_cast<unsigned>(date.day()), 2, 'T');
  to = write_digits(to, static_cast<unsigned>(clock.hours().count()), 2, ':');
  to = write_digits(to, static_cast<unsigned>(clock.minutes().count()), 2, ':');
  to = write_digits(to, static_cast<unsigned>(clock.seconds().count()), 2, '.');
  write_digits(to, static_cast<unsigned>(clock.subseconds().count()), 3, 'Z');
  return out;
}

void write_injection(JsonText& out, const JsonKey& key, const inject::Injection& injection) {
  out.object(key, [&] {
    out.text("driver", injection.driver);
    out.object("host_config", [&] {
      out.list("DeviceRequests", injection.device_requests, [&](const auto& request) {
        out.object_item([&] {
          out.text("Driver", request.driver);
          out.texts("DeviceIDs", request.device_ids);
          if (request.driver != "nvidia") return;
          constexpr std::array<std::array<std::string_view, 1>, 1> any_gpu{{{"gpu"}}};
          out.list("Capabilities", any_gpu, [&](const auto& all_of) {
            out.list_item(all_of, [&](std::string_view one) { out.text_item(one); });
          });
        });
      });
      out.list("Devices", injection.devices, [&](const model::DeviceNode& node) {
        out.object_item([&] {
          out.text("PathOnHost", node.host_path);
          out.text("PathInContainer", node.container_path);
          out.text("CgroupPermissions", "rw");
        });
      });
      out.list("Mounts", injection.mounts, [&](const model::BindMount& mount) {
        out.object_item([&] {
          out.text("Type", "bind");
          out.text("Source", mount.host_path);
          out.text("Target", mount.container_path);
          out.yes_no("ReadOnly", mount.read_only);
        });
      });
    });
    write_strings(out, "environment", injection.environment);
    write_strings(out, "labels", injection.labels);
    out.items("docker_run", [&] {
      inject::docker_run(injection, [&](std::string_view one) { out.text_item(one); });
    });
  });
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

void write_lease(JsonText& out, const service::LeaseAnswer& answer, const LeaseShown& how) {
  const model::Lease& lease = answer.lease;
  out.text("id", lease.id.str());
  out.text("request_id", lease.request.id.str());
  write_owner(out, "owner", lease.request.owner);
  out.text("state", model::to_string(lease.state));
  out.text_or_null("reason", lease.reason);
  out.number_or_null("exit_code", lease.exit_code);
  out.yes_no_or_null("oom_killed", lease.oom_killed);
  out.text("host", lease.host.str());
  out.object("wants", [&] { std::visit(WriteWant{out}, lease.request.want); });
  write_gpus(out, "gpus", answer.gpus);
  out.text("mode", model::to_string(lease.request.mode));
  out.texts("capabilities", lease.request.capabilities);
  out.text_or_null("container", lease.container);
  out.text("epoch", lease.epoch.str());
  out.text("revision", revision_of(answer));
  write_queue(out, "queue", answer, how);
  out.text("created_at", rfc3339(lease.created_wall));
  write_time(out, "granted_at", lease.granted_wall);
  write_time(out, "bound_at", lease.bound_wall);
  write_time(out, "ended_at", lease.ended_wall);
  const bool unbound = lease.state == model::LeaseState::granted && lease.bind_expires_at;
  write_time(out, "bind_expires_at",
             unbound ? std::optional{wall_of(*lease.bind_expires_at, how.now)} : std::nullopt);
  write_usage(out, "usage", how.usage, how.now);
  if (how.injection != nullptr) write_injection(out, "inject", *how.injection);
}

std::string_view gpu_state(const model::Gpu& gpu) {
  if (!gpu.present) return "missing";
  if (gpu.fault) return "faulty";
  return gpu.drained ? "draining" : "ok";
}

void write_gpu(JsonText& out, const service::GpuView& view, const GpuShown& how) {
  const auto shown = [&](const std::string& name) {
    return how.onlooker.sees_all() ? std::optional<std::string_view>{name} : std::nullopt;
  };
  const bool used = !view.leases.empty() || !view.conflicts.empty();
  out.text("uuid", view.gpu.info.id.str());
  out.number("index", view.gpu.index);
  out.text("model", view.gpu.info.model);
  out.number("memory_mib", view.gpu.info.memory.count);
  out.number("slots", view.gpu.slots);
  out.number("used", view.leases_used + static_cast<int>(view.conflicts.size()));
  out.text("mode", view.exclusive ? "exclusive" : used ? "shared" : "free");
  out.text("state", gpu_state(view.gpu));
  write_fault(out, "fault", view.gpu, how.now);
  out.text("label", view.gpu.label);
  out.text("host", how.host);
  out.list("leases", view.leases, [&](const model::Lease& lease) {
    out.object_item([&] {
      out.text("id", lease.id.str());
      out.text("state", model::to_string(lease.state));
      out.text("mode", model::to_string(lease.request.mode));
      out.text("since", rfc3339(lease.granted_wall.value_or(lease.created_wall)));
      if (!how.onlooker.sees(lease)) return out.null("owner");
      write_owner(out, "owner", lease.request.owner);
    });
  });
  out.list("conflicts", view.conflicts, [&](const model::Conflict& conflict) {
    out.object_item([&] {
      out.text("container", conflict.container.str());
      out.text_or_null("name", shown(conflict.name));
      out.text_or_null("lease", conflict.lease);
      out.text("since", rfc3339(conflict.since));
    });
  });
  out.list("foreign", view.foreign, [&](const model::Foreign& one) {
    out.object_item([&] {
      out.text("container", one.container.str());
      out.text_or_null("name", shown(one.name));
      out.text_or_null("image", shown(one.image));
      out.yes_no("watches", one.watches);
      out.text("since", rfc3339(one.since));
    });
  });
  write_load(out, "load", how.load, how.usage);
}

void write_holders(JsonText& out, std::span<const model::Lease> leases, const Indices& indices,
                   const Onlooker& onlooker) {
  std::int64_t hidden = 0;
  out.list("holders", leases, [&](const model::Lease& lease) {
    if (!onlooker.sees(lease)) {
      hidden += static_cast<std::int64_t>(lease.gpus.size());
      return;
    }
    for (const model::GpuId& gpu : lease.gpus) write_holder(out, lease, gpu, indices);
  });
  out.number("hidden", hidden);
}

}  // namespace gpuhub::api
