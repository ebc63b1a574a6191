// The subcommands of gpuctl, a source file each. Each prints to stdout and returns the exit status:
// 0 good, 1 the allocator could not be asked or said no (printed to stderr).
#pragma once

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

// Prints the failure's words, "gpuctl: " in front. Returns 1.
int fail(const std::string& message);
// "user" or "user/server", with the hub in front where it is not the usual one.
std::string person(const std::string& hub, const std::string& user, const std::string& server);

}  // namespace gpuhub::ctl
