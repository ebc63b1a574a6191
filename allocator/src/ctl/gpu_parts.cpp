#include "ctl/gpu_parts.hpp"

#include <algorithm>
#include <format>
#include <print>

#include "ctl/characters.hpp"

namespace gpuhub::ctl {
namespace {

void add(std::string& names, const std::string& name) {
  names += (names.empty() ? "" : ", ") + name;
}

// A container's name, or the start of its id where it has none or it is not told.
std::string container_name(const boost::json::value& container) {
  const std::string name = text_at(container, "name");
  return name.empty() ? text_at(container, "container").substr(0, 12) : name;
}

std::string fault_words(const boost::json::value& fault) {
  std::string words = text_at(fault, "kind");
  if (member_at(fault, "xid").is_number()) words += std::format(" {}", number_at(fault, "xid"));
  if (const auto detail = text_at(fault, "detail"); !detail.empty()) words += ": " + detail;
  if (const auto until = text_at(fault, "clears_at"); !until.empty()) {
    words += ", clears at " + until;
  }
  return words;
}

}  // namespace

std::string gpu_state(const boost::json::value& gpu) {
  const auto& fault = member_at(gpu, "fault");
  const std::string state = text_at(gpu, "state");
  return fault.is_object() ? state + ": " + fault_words(fault) : state;
}

std::string gpu_holders(const boost::json::value& gpu) {
  std::string names;
  for (const auto& lease : array_at(gpu, "leases")) add(names, person(member_at(lease, "owner")));
  for (const auto& conflict : array_at(gpu, "conflicts")) {
    add(names, "conflict: " + container_name(conflict));
  }
  for (const auto& foreign : array_at(gpu, "foreign")) {
    if (truth_at(foreign, "watches")) continue;
    const std::string image = text_at(foreign, "image");
    add(names, "foreign: " + container_name(foreign) + (image.empty() ? "" : " (" + image + ")"));
  }
  return names.empty() ? "-" : names;
}

std::expected<std::string, Failure> uuid_of(const std::string& socket, const std::string& gpu) {
  const bool index = std::ranges::all_of(gpu, [](char c) { return c >= '0' && c <= '9'; });
  if (!index) return gpu;
  const auto all = get_good(socket, "/v1/gpus");
  if (!all) return std::unexpected(all.error());
  for (const auto& one : array_at(*all, "gpus")) {
    const bool it = std::to_string(number_at(one, "index")) == gpu || text_at(one, "uuid") == gpu;
    if (it) return text_at(one, "uuid");
  }
  return std::unexpected(Failure{.message = std::format(
      "there is no GPU {}\ntry this: gpuctl gpus shows them", printable(gpu))});
}

int change_gpu(const Common& common, const std::string& gpu, const boost::json::value& change) {
  const auto uuid = uuid_of(common.socket, gpu);
  if (!uuid) return fail(uuid.error().message);
  const auto now = call_good(common.socket, "PATCH", "/v1/gpus/" + *uuid, change);
  if (!now) return fail(now.error().message);
  if (common.json) {
    print_json(*now);
    return 0;
  }
  const std::string label = text_at(*now, "label");
  std::println("{}", printable(std::format(
      "GPU {} ({}{}): {}, {} of {} slots used, held by {}", number_at(*now, "index"),
      text_at(*now, "uuid"), label.empty() ? "" : ", " + label, gpu_state(*now),
      number_at(*now, "used"), number_at(*now, "slots"), gpu_holders(*now))));
  return 0;
}

}  // namespace gpuhub::ctl
