// An inventory whose calls answer in time, whatever the one inside does: a driver that hangs must
// not take the daemon with it. Each call runs on a thread of its own.
#pragma once

#include <chrono>
#include <memory>

#include "inventory/inventory.hpp"

namespace gpuhub::inventory {

// A call that takes longer than `limit` (faults(): than that and its `wait`) gives an error; what
// it comes to later is thrown away. While it still hangs, every further call gives an error at
// once. The end of this object waits for at most `limit`; a thread that hangs on is left behind
// with the inventory inside.
[[nodiscard]] std::unique_ptr<Inventory> make_bounded(std::unique_ptr<Inventory> inside,
                                                      std::chrono::milliseconds limit);

}  // namespace gpuhub::inventory
