// gpuctl release LEASE: gives a lease back, or takes a request out of the queue.
#include <boost/json/value.hpp>
#include <print>

#include "ctl/allocator.hpp"
#include "ctl/characters.hpp"
#include "ctl/commands.hpp"

namespace gpuhub::ctl {

int release(const Common& common, const std::string& lease) {
  const auto body = call_good(common.socket, "DELETE", "/v1/leases/" + lease);
  if (!body) return fail(body.error().message);
  if (common.json) {
    print_json(*body);
    return 0;
  }
  // Only the container's end frees its GPUs, whatever anybody says.
  const bool runs = text_at(*body, "state") == "ending";
  std::println("{}: {}{}", printable(text_at(*body, "id")), printable(lease_state(*body)),
               runs ? "; its GPUs are free when its container ends: docker stop " +
                          printable(text_at(*body, "container").substr(0, 12))
                    : "");
  return 0;
}

}  // namespace gpuhub::ctl
