#include "runtime/docker_configuration.hpp"

#include <utility>

#include "runtime/json_fields.hpp"

namespace gpuhub::runtime {
namespace {

namespace json = boost::json;

constexpr std::string_view annotation_prefix = "cdi.k8s.io/";  // the toolkit's default

// Null and a missing field are the same.
const json::value* present(const json::value& in, std::string_view key) {
  const json::value* found = field(in, key);
  return found == nullptr || found->is_null() ? nullptr : found;
}

Read<std::string_view> read_text(const json::value& in, std::string_view key) {
  const json::value* found = present(in, key);
  if (found == nullptr) return std::string_view{};
  if (!found->is_string()) return lacks("container", key);
  return std::string_view{found->get_string()};
}

// `in`: null, or a list of strings.
Read<Words> as_words(const json::value& in, std::string_view key) {
  Words words;
  if (in.is_null()) return words;
  if (!in.is_array()) return lacks("container", key);
  for (const json::value& word : in.get_array()) {
    if (!word.is_string()) return lacks("container", key);
    words.emplace_back(word.get_string());
  }
  return words;
}

Read<Words> read_words(const json::value& in, std::string_view key) {
  const json::value* found = present(in, key);
  return found == nullptr ? Words{} : as_words(*found, key);
}

// The objects of a list, each read by `read` into `to`. The error, or empty.
template <typename T, typename ReadOne>
std::string read_list(const json::value& in, std::string_view key, std::vector<T>& to,
                      const ReadOne& read) {
  const json::value* found = present(in, key);
  if (found == nullptr) return {};
  if (!found->is_array()) return lacks("container", key).error();
  for (const json::value& entry : found->get_array()) {
    if (!entry.is_object()) return lacks("container", key).error();
    auto one = read(entry);
    if (!one) return std::move(one.error());
    to.push_back(std::move(*one));
  }
  return {};
}

Read<DeviceRequest> read_request(const json::value& in) {
  DeviceRequest request;
  const auto driver = read_text(in, "Driver");
  auto ids = read_words(in, "DeviceIDs");
  if (!driver) return std::unexpected{driver.error()};
  if (!ids) return std::unexpected{std::move(ids.error())};
  request.driver = *driver;
  request.ids = std::move(*ids);
  if (const json::value* count = present(in, "Count")) {
    if (!count->is_int64()) return lacks("container", "Count");
    request.count = count->get_int64();
  }
  const json::value* any_of = present(in, "Capabilities");
  if (any_of == nullptr) return request;
  if (!any_of->is_array()) return lacks("container", "Capabilities");
  for (const json::value& all_of : any_of->get_array()) {
    auto words = as_words(all_of, "Capabilities");
    if (!words) return std::unexpected{std::move(words.error())};
    request.capabilities.push_back(std::move(*words));
  }
  return request;
}

// Those under the prefix only. The error, or empty.
std::string read_annotations(const json::value& host, Configuration& to) {
  const json::value* found = present(host, "Annotations");
  if (found == nullptr) return {};
  if (!found->is_object()) return lacks("container", "Annotations").error();
  for (const auto& [key, value] : found->get_object()) {
    if (!key.starts_with(annotation_prefix)) continue;
    if (!value.is_string()) return lacks("container", "Annotations").error();
    to.annotations.emplace_back(key, value.get_string());
  }
  return {};
}

}  // namespace

Read<Configuration> read_configuration(const boost::json::value& container) {
  const json::value* host = present(container, "HostConfig");
  const json::value* config = present(container, "Config");
  if (host == nullptr || !host->is_object()) return lacks("container", "HostConfig");
  if (config == nullptr || !config->is_object()) return lacks("container", "Config");
  Configuration out;
  const auto runtime = read_text(*host, "Runtime");
  auto rules = read_words(*host, "DeviceCgroupRules");
  auto environment = read_words(*config, "Env");
  if (!runtime) return std::unexpected{runtime.error()};
  if (!rules) return std::unexpected{std::move(rules.error())};
  if (!environment) return std::unexpected{std::move(environment.error())};
  out.nvidia_runtime = runtime->starts_with("nvidia");
  out.rules = std::move(*rules);
  out.environment = std::move(*environment);
  std::string wrong = read_list(*host, "DeviceRequests", out.requests, read_request);
  if (wrong.empty()) {
    wrong = read_list(*host, "Devices", out.nodes,
                      [](const json::value& entry) { return read_text(entry, "PathOnHost"); });
  }
  if (wrong.empty()) wrong = read_annotations(*host, out);
  if (!wrong.empty()) return std::unexpected{std::move(wrong)};
  return out;
}

}  // namespace gpuhub::runtime
