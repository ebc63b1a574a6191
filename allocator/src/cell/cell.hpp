// The parts of `cell`, the first process of a network container: rules for nft are loaded into this
// process's network namespace, then every capability is given up for good. One thread.
#pragma once

#include <chrono>
#include <expected>
#include <string>

namespace gpuhub::cell {
using Done = std::expected<void, std::string>;  // the error in words for a person

// Has the program `nft` load `rules`, all of them or none. What nft says goes to this process's
// stderr. An nft that takes longer than `limit` is killed and is an error.
Done load_rules(const std::string& nft, const std::string& rules, std::chrono::seconds limit);

// Afterwards neither this process nor one that it starts has a capability or can get one. An error
// if the kernel shows that it is not so.
Done give_up_capabilities();
}  // namespace gpuhub::cell
