// The inventory that an admin lists, in the configuration or by REST: for cards of any maker.
#pragma once

#include <memory>
#include <vector>

#include "inventory/inventory.hpp"

namespace gpuhub::inventory {

// The GPUs as given, for good: a new list is a new inventory. Error (failed): the same GPU twice,
// or more than model::gpus_max. Loads are empty: nobody measures them,
// and nobody hears of their faults.
[[nodiscard]] std::expected<std::unique_ptr<Inventory>, Error> make_listed_inventory(
    std::vector<model::GpuInfo> gpus);

}  // namespace gpuhub::inventory
