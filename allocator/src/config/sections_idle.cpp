// [idle], and what a profile says of it.
#include "config/rules.hpp"
#include "config/sections.hpp"

namespace gpuhub::config {
namespace {
// Between warning and end people need time to read.
constexpr model::Duration limit_least{10'000};
constexpr std::string_view limit_allowed = "\"0s\" (never), or \"10s\" to \"365d\"";

std::optional<model::Duration> limit(Table& table, std::string_view key) {
  const auto told = table.duration(key, "0s", "365d");
  if (!told || *told == model::Duration{} || *told >= limit_least) return told;
  table.fault(key, "so short that nobody could be warned", std::string{limit_allowed});
  return std::nullopt;
}
}  // namespace

Idle read_idle(Table table) {
  Idle idle;
  take(idle.enabled, table.boolean("enabled"));
  take(idle.gpu_limit, limit(table, "gpu_limit"));
  take(idle.limit, limit(table, "limit"));
  take(idle.unknown_limit, table.duration("unknown_limit", "10s", "365d"));
  take(idle.keep, table.duration("keep", "10s", "365d"));
  take(idle.keep_max, table.duration("keep_max", "0s", "365d"));
  take(idle.look_every, table.duration("look_every", "1s", "10m"));
  take(idle.sample_every, table.duration("sample_every", "1s", "5s"));
  take(idle.busy_percent, table.integer("busy_percent", 1, 50));
  take(idle.exempt_users, table.texts("exempt_users", rules::account));
  take(idle.exempt_groups, table.texts("exempt_groups", rules::people_group));
  table.finish();
  return idle;
}

void read_ends(Table& table, Profile& profile) {
  profile.idle_limit = limit(table, "idle_limit");
  profile.max_lifetime = table.duration("max_lifetime", "1m", "3650d");
}

}  // namespace gpuhub::config
