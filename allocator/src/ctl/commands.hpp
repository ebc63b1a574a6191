// The subcommands of gpuctl, a source file each. Each prints to stdout and returns the exit status:
// 0 good, 1 the allocator could not be asked or said no (printed to stderr).
#pragma once

#include <boost/json/fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ctl/asking.hpp"
#include "ctl/say.hpp"  // every one of them has words for a failure

namespace gpuhub::ctl {

struct Common {
  std::string socket;
  bool json = false;
};

// What there is and who holds it.
int gpus(const Common& common);
int leases(const Common& common, bool all);
int lease(const Common& common, const std::string& id);
int queue(const Common& common);
int status(const Common& common);  // 0 only if the allocator is ready
int version(const Common& common);
int events(const Common& common);  // until the allocator or a signal ends it

// Leases without a hub.
enum class LeaseFormat { id, docker, env };
int acquire(const Common& common, const AskOptions& options, LeaseFormat format);
int bind(const Common& common, const std::string& lease, const std::string& container);
int release(const Common& common, const std::string& lease);
// `typed`: `docker run …`. Returns what docker run would, 125 if the container was never started.
int run(const Common& common, const AskOptions& options, const std::vector<std::string>& typed);

// An admin's. `gpu`: a UUID, or an index as `gpus` shows it.
int drain(const Common& common, const std::string& gpu);
int undrain(const Common& common, const std::string& gpu);
int clear(const Common& common, const std::string& gpu);
int set(const Common& common, const std::string& gpu, std::optional<int> slots,
        std::optional<std::string> label);

// "active", "ended: container_exited (137, out of memory)", "queued: 2nd of 5, about 20 min (…)".
std::string lease_state(const boost::json::value& lease);

}  // namespace gpuhub::ctl
