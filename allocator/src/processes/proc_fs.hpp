// The processes of this host by /proc. Reads small files at each call; any failure is "no such
// process". Needs the host's PID namespace, and notices where it has not got it.
#pragma once

#include <memory>
#include <string>

#include "processes/processes.hpp"

namespace gpuhub::processes {

// `root`: /proc, or a tree like it.
[[nodiscard]] std::unique_ptr<Processes> make_proc_fs(std::string root = "/proc");

}  // namespace gpuhub::processes
