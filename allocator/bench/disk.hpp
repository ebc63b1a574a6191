// The disk's own limit: how often it flushes 4 KiB, one after the other.
#pragma once

#include <chrono>
#include <expected>
#include <string>

#include "bench/latencies.hpp"

namespace gpuhub::bench {

// Writes and flushes (fdatasync) the same preallocated 4 KiB of a file in `folder` for `how_long`;
// the file is removed. Error: what could not be done and why.
std::expected<Latencies, std::string> measure_disk(const std::string& folder,
                                                   std::chrono::milliseconds how_long);

}  // namespace gpuhub::bench
