#include "runtime/docker_json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "runtime/docker_configuration.hpp"
#include "runtime/json_fields.hpp"

namespace gpuhub::runtime {
namespace {

namespace json = boost::json;
using Problem = std::unexpected<std::string>;

constexpr std::size_t message_max = 300;

// API versions that were tried. An engine that knows only newer ones is spoken to in its oldest.
constexpr std::pair<int, int> api_oldest{1, 40};
constexpr std::pair<int, int> api_newest{1, 47};

constexpr std::array<std::pair<std::string_view, ContainerState>, 7> states{{
    {"created", ContainerState::created},
    {"running", ContainerState::running},
    {"paused", ContainerState::paused},
    {"restarting", ContainerState::restarting},
    {"removing", ContainerState::removing},
    {"exited", ContainerState::exited},
    {"dead", ContainerState::dead},
}};
constexpr std::array<std::pair<std::string_view, EventKind>, 5> event_kinds{{
    {"create", EventKind::created},
    {"start", EventKind::started},
    {"die", EventKind::died},
    {"oom", EventKind::out_of_memory},
    {"destroy", EventKind::destroyed},
}};

Read<json::value> parse(std::string_view text) {
  boost::system::error_code error;
  json::value value = json::parse(text, error);
  if (error) return Problem{"the engine's answer is not JSON: " + error.message()};
  return value;
}

Read<ContainerState> read_state(std::string_view text) {
  for (const auto& [name, state] : states) {
    if (name == text) return state;
  }
  return Problem{"the engine names an unknown container state"};
}

// Adds those that begin with "gpuhub.". False: something that claims to be ours makes no sense. An
// image may bring labels of that kind by itself: without a lease's nothing is claimed.
bool read_labels(const json::value& in, std::map<std::string, std::string>& labels) {
  if (!in.is_object()) return in.is_null();
  const bool ours = in.get_object().contains(model::label_lease);
  for (const auto& [key, value] : in.get_object()) {
    if (!key.starts_with("gpuhub.")) continue;
    if (value.is_string() && value.get_string().size() <= label_value_max) {
      labels.emplace(std::string{key}, std::string{value.get_string()});
    } else if (ours) {
      return false;
    }
  }
  return true;
}

// For people: the engine takes names and images of plain ASCII only, and so do we.
std::string shown(std::string_view text) {
  std::string out{text.substr(0, shown_max)};
  std::ranges::replace_if(out, [](char c) { return c <= 0x20 || c >= 0x7f; }, '?');
  return out;
}

std::string without_slash(std::string_view name) {
  if (name.starts_with('/')) name.remove_prefix(1);
  return shown(name);
}

Read<model::ContainerId> read_id(const json::value& in, std::string_view key) {
  const json::string* text = string_field(in, key);
  auto id = text != nullptr ? model::ContainerId::parse(*text) : std::nullopt;
  if (!id) return lacks("container", key);
  return std::move(*id);
}

Read<Container> read_list_entry(const json::value& in) {
  auto id = read_id(in, "Id");
  if (!id) return Problem{std::move(id.error())};
  const json::string* text = string_field(in, "State");
  if (text == nullptr) return lacks("container list", "State");
  const auto state = read_state(*text);
  if (!state) return Problem{state.error()};
  Container container{.id = std::move(*id), .name = {}, .state = *state, .labels = {},
                      .exit_code = {}};
  if (const json::string* image = string_field(in, "Image")) container.image = shown(*image);
  const json::value* labels = field(in, "Labels");
  if (labels == nullptr || !read_labels(*labels, container.labels)) {
    return lacks("container list", "Labels");
  }
  // One that is being removed may have no names left.
  const json::value* names = field(in, "Names");
  if (names != nullptr && names->is_array() && !names->get_array().empty()) {
    const json::value& first = names->get_array().front();
    if (first.is_string()) container.name = without_slash(first.get_string());
  }
  return container;
}

std::optional<std::pair<int, int>> read_api(const json::value& in, std::string_view key) {
  const json::string* text = string_field(in, key);
  if (text == nullptr) return std::nullopt;
  std::pair<int, int> version;
  const char* end = text->data() + text->size();
  const auto major = std::from_chars(text->data(), end, version.first);
  if (major.ec != std::errc{} || major.ptr == end || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, version.second);
  if (minor.ec != std::errc{} || minor.ptr != end) return std::nullopt;
  return version;
}

std::string show_api(std::pair<int, int> version) {
  return std::to_string(version.first) + "." + std::to_string(version.second);
}

std::optional<int> read_exit_code(const json::value& attributes) {
  const json::string* text = string_field(attributes, "exitCode");
  if (text == nullptr) return std::nullopt;
  int code = 0;
  const char* end = text->data() + text->size();
  const auto read = std::from_chars(text->data(), end, code);
  if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  return code;
}

}  // namespace

Read<EngineVersion> read_version(std::string_view text) {
  const auto value = parse(text);
  if (!value) return Problem{value.error()};
  const json::string* engine = string_field(*value, "Version");
  const auto newest = read_api(*value, "ApiVersion");
  if (engine == nullptr) return lacks("version", "Version");
  if (!newest) return lacks("version", "ApiVersion");
  if (*newest < api_oldest) {
    return Problem{"the engine's API " + show_api(*newest) + " is too old; " +
                   show_api(api_oldest) + " (engine 19.03) or newer is needed"};
  }
  const auto oldest = read_api(*value, "MinAPIVersion").value_or(api_oldest);
  return EngineVersion{.engine = std::string{*engine},
                       .api = show_api(std::max(oldest, std::min(*newest, api_newest)))};
}

Read<Capabilities> read_capabilities(std::string_view text) {
  const auto value = parse(text);
  if (!value) return Problem{value.error()};
  const json::string* version = string_field(*value, "ServerVersion");
  if (version == nullptr) return lacks("info", "ServerVersion");
  Capabilities can{.engine_version = std::string{*version}, .cdi_spec_dirs = {}};
  if (const json::value* folders = field(*value, "CDISpecDirs"); folders != nullptr) {
    if (!folders->is_array() && !folders->is_null()) return lacks("info", "CDISpecDirs");
    for (std::size_t i = 0; folders->is_array() && i < folders->get_array().size(); ++i) {
      const json::value& folder = folders->get_array()[i];
      if (!folder.is_string()) return lacks("info", "CDISpecDirs");
      can.cdi_spec_dirs.emplace_back(folder.get_string());
    }
  }
  can.cdi = !can.cdi_spec_dirs.empty();
  const json::value* runtimes = field(*value, "Runtimes");
  can.nvidia_runtime = runtimes != nullptr && field(*runtimes, "nvidia") != nullptr;
  return can;
}

Read<std::vector<Container>> read_container_list(std::string_view text) {
  const auto value = parse(text);
  if (!value) return Problem{value.error()};
  if (!value->is_array()) return Problem{"the engine's container list is not a list"};
  std::vector<Container> containers;
  for (const json::value& entry : value->get_array()) {
    auto container = read_list_entry(entry);
    if (!container) return Problem{std::move(container.error())};
    containers.push_back(std::move(*container));
  }
  return containers;
}

Read<Container> read_container(std::string_view text) {
  const auto value = parse(text);
  if (!value) return Problem{value.error()};
  auto id = read_id(*value, "Id");
  if (!id) return Problem{std::move(id.error())};
  const json::value* state = field(*value, "State");
  const json::string* status = state != nullptr ? string_field(*state, "Status") : nullptr;
  if (status == nullptr) return lacks("container", "State.Status");
  const auto known = read_state(*status);
  if (!known) return Problem{known.error()};
  const json::value* config = field(*value, "Config");
  const json::value* labels = config != nullptr ? field(*config, "Labels") : nullptr;
  Container container{.id = std::move(*id), .name = {}, .state = *known, .labels = {},
                      .exit_code = {}};
  if (labels == nullptr || !read_labels(*labels, container.labels)) {
    return lacks("container", "Config.Labels");
  }
  if (const json::string* name = string_field(*value, "Name")) {
    container.name = without_slash(*name);
  }
  if (const json::string* image = string_field(*config, "Image")) container.image = shown(*image);
  const bool ended = *known == ContainerState::exited || *known == ContainerState::dead ||
                     *known == ContainerState::removing;
  const auto code = integer_field(*state, "ExitCode");
  if (ended && (!code || std::abs(*code) > std::numeric_limits<int>::max())) {
    return lacks("container", "State.ExitCode");
  }
  if (ended) container.exit_code = static_cast<int>(*code);
  const json::value* oom = field(*state, "OOMKilled");
  container.oom_killed = oom != nullptr && oom->is_bool() && oom->get_bool();
  if (container.names_lease()) return container;
  const auto configuration = read_configuration(*value);
  if (!configuration) return Problem{configuration.error()};
  container.claim = claim_of(*configuration);
  return container;
}

Read<ContainerEvent> read_event(std::string_view text) {
  const auto value = parse(text);
  if (!value) return Problem{value.error()};
  const json::string* action = string_field(*value, "Action");
  const json::value* actor = field(*value, "Actor");
  if (action == nullptr || actor == nullptr) return lacks("event", "Action or Actor");
  auto id = read_id(*actor, "ID");
  if (!id) return Problem{std::move(id.error())};
  const auto nanoseconds = integer_field(*value, "timeNano");
  if (!nanoseconds) return lacks("event", "timeNano");
  ContainerEvent event{.container = std::move(*id), .labels = {}, .exit_code = {},
                       .at = {*nanoseconds / 1'000'000}};
  for (const auto& [name, kind] : event_kinds) {
    if (name == std::string_view{*action}) event.kind = kind;
  }
  if (const json::value* attributes = field(*actor, "Attributes")) {
    if (!read_labels(*attributes, event.labels)) event.labels.clear();
    if (event.kind == EventKind::died) event.exit_code = read_exit_code(*attributes);
  }
  return event;
}

std::string read_error_message(std::string_view body) {
  std::string message{body.substr(0, message_max)};
  if (const auto value = parse(body)) {
    if (const json::string* text = string_field(*value, "message")) {
      message = std::string_view{*text}.substr(0, message_max);
    }
  }
  std::ranges::replace_if(
      message, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return message;
}

}  // namespace gpuhub::runtime
