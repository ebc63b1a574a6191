// What the books of use need to know of the ledger: whose the GPUs are, and who only looks. Pure.
#pragma once

#include <vector>

#include "ledger/ledger.hpp"
#include "usage/books.hpp"

namespace gpuhub::daemon {

// Leases whose container may run: what it does is explained by them.
std::vector<usage::Held> held(const ledger::Ledger& ledger);
// Containers that only look at GPUs.
usage::Watchers watchers(const ledger::Ledger& ledger);

}  // namespace gpuhub::daemon
