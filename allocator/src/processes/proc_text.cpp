#include "processes/proc_text.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "processes/processes.hpp"

namespace gpuhub::processes {
namespace {

using model::ContainerId;
using std::string_view;

constexpr int started_field = 22;
constexpr int state_field = 3;  // the first one behind the name

string_view next_part(string_view& text, char separator) {
  const auto part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), part.size() + 1));
  return part;
}

// The id in one folder's name; nullopt: it is no container's.
std::optional<ContainerId> container_of(string_view folder) {
  constexpr string_view prefix = "docker-";
  constexpr string_view suffix = ".scope";
  if (folder.starts_with(prefix) && folder.ends_with(suffix)) {
    folder.remove_prefix(prefix.size());
    folder.remove_suffix(suffix.size());
  }
  return ContainerId::parse(folder);
}

std::vector<ContainerId> containers_in(string_view path) {
  std::vector<ContainerId> out;
  while (!path.empty() && out.size() < containers_max) {
    const auto id = container_of(next_part(path, '/'));
    if (id && !std::ranges::contains(out, *id)) out.push_back(*id);
  }
  return out;
}

}  // namespace

// The name stands in parentheses and may hold any character, parentheses too.
std::optional<std::uint64_t> parse_started(string_view stat) {
  const auto name_end = stat.rfind(')');
  if (name_end == string_view::npos || name_end + 2 > stat.size()) return std::nullopt;
  stat.remove_prefix(name_end + 2);
  for (int field = state_field; field < started_field; ++field) next_part(stat, ' ');
  const auto text = next_part(stat, ' ');
  std::uint64_t started = 0;
  const auto* end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, started);
  if (error != std::errc{} || last != end) return std::nullopt;
  return started;
}

std::vector<ContainerId> parse_containers(string_view cgroup) {
  std::vector<ContainerId> best;
  while (!cgroup.empty()) {
    auto line = next_part(cgroup, '\n');
    next_part(line, ':');  // number of the hierarchy
    next_part(line, ':');  // its controllers
    auto found = containers_in(line);
    if (found.size() > best.size()) best = std::move(found);
  }
  return best;
}

}  // namespace gpuhub::processes
