// Parts of a lease's JSON, and calls on one lease, that several commands need.
#pragma once

#include <boost/json/fwd.hpp>
#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/allocator.hpp"

namespace gpuhub::ctl {

// What `docker run` is to be told for a granted lease; nullopt unless it is there, all texts.
std::optional<std::vector<std::string>> docker_arguments(const boost::json::value& lease);

// Binds the lease to a container (its full id) that was created and has not started. Asked again
// where no answer came: binding twice is binding once.
std::expected<boost::json::value, Failure> bind_lease(const std::string& socket,
                                                      const boost::json::value& lease,
                                                      const std::string& container);

// Path and query of a lease, to be answered at its first change from `revision` or after `wait_s`.
std::string lease_target(std::string_view lease, std::int64_t wait_s, std::string_view revision);

// Time left until an instant of a lease's JSON, by this host's clock; nullopt if it is none.
std::optional<std::chrono::milliseconds> time_left(std::string_view instant);

// `text` as one word of a shell's command line.
std::string shell_word(std::string_view text);

}  // namespace gpuhub::ctl
