// The subcommands of gpuctl, a source file each. Each prints to stdout and returns the exit status:
// 0 good, 1 the allocator could not be asked or said no (printed to stderr).
#pragma once

#include <boost/json/fwd.hpp>
#include <string>

namespace gpuhub::ctl {

struct Common {
  std::string socket;
  bool json = false;
};

int gpus(const Common& common);
int leases(const Common& common, bool all);
int lease(const Common& common, const std::string& id);
int status(const Common& common);  // 0 only if the allocator is ready
int version(const Common& common);

// Prints the failure's words, "gpuctl: " in front. Returns 1.
int fail(const std::string& message);
// "active", or "ended: container_exited (137, out of memory)".
std::string lease_state(const boost::json::value& lease);

}  // namespace gpuhub::ctl
