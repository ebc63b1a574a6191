// gpuctl bind LEASE CONTAINER: after docker create, before docker start.
#include <boost/json/value.hpp>
#include <format>
#include <print>

#include "ctl/allocator.hpp"
#include "ctl/characters.hpp"
#include "ctl/child.hpp"
#include "ctl/commands.hpp"
#include "ctl/lease_parts.hpp"
#include "model/ids.hpp"

namespace gpuhub::ctl {
namespace {

// The engine's full id of what a person calls a container.
std::expected<std::string, std::string> full_id(const std::string& container) {
  if (model::ContainerId::parse(container)) return container;
  Signals signals;
  const auto end =
      run_child({.arguments = {"docker", "inspect", "--type=container", "--format={{.Id}}", "--",
                               container},
                 .output = Output::asked},
                signals, pass_on);
  std::string id = end.output.substr(0, end.output.find('\n'));
  if (end.status == 0 && model::ContainerId::parse(id)) return id;
  return std::unexpected(std::format(
      "docker knows no container {}\ntry this: gpuctl bind LEASE ID, with the whole id that docker "
      "create has printed", printable(container)));
}

}  // namespace

int bind(const Common& common, const std::string& lease, const std::string& container) {
  const auto id = full_id(container);
  if (!id) return fail(id.error());
  const auto found = get_good(common.socket, "/v1/leases/" + lease);
  if (!found) return fail(found.error().message);
  const auto bound = bind_lease(common.socket, *found, *id);
  if (!bound) {
    return fail(bound.error().message + "\ndo not start the container: its GPUs are not yours; "
                                        "docker rm " + printable(container));
  }
  if (common.json) {
    print_json(*bound);
  } else {
    std::println("{}: {}; now: docker start {}", printable(text_at(*bound, "id")),
                 lease_state(*bound), printable(container));
  }
  return 0;
}

}  // namespace gpuhub::ctl
