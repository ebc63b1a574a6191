// A GPU's JSON in words, and a change to one GPU, for several commands.
#pragma once

#include <boost/json/value.hpp>
#include <expected>
#include <string>

#include "ctl/allocator.hpp"
#include "ctl/commands.hpp"

namespace gpuhub::ctl {

// "ok", "draining", "faulty: xid 79: fallen off the bus, clears at …", "missing".
std::string gpu_state(const boost::json::value& gpu);
// Who is on it: "ana, lab:jörg/big, conflict: old, foreign: train (pytorch)", or "-". What only
// watches is no holder and left out.
std::string gpu_holders(const boost::json::value& gpu);

// The UUID of the GPU that a person names by it or by its index.
std::expected<std::string, Failure> uuid_of(const std::string& socket, const std::string& gpu);

// Changes one GPU and prints how it is now. The exit status.
int change_gpu(const Common& common, const std::string& gpu, const boost::json::value& change);

}  // namespace gpuhub::ctl
