// Each section of gpuhub.toml into its struct. For read.cpp only. What is wrong is noted in the
// table's Reading; the struct then keeps its default there.
#pragma once

#include "config/config.hpp"
#include "config/table.hpp"

namespace gpuhub::config {

inline constexpr std::size_t listed_max = model::gpus_max;
inline constexpr std::size_t profiles_max = 64;

Hub read_hub(Table table);
Tls read_tls(Table table);
Allocator read_allocator(Table table);
Queue read_queue(Table table);
Local read_local(Table table);
// `simulated`: [simulation] is there.
Gpus read_gpus(Table table, bool simulated);
Simulation read_simulation(Table table);
Notebook read_notebook(Table table);
// `notebook` names the images that profiles may offer.
std::vector<Profile> read_profiles(Table& root, const Notebook& notebook);
Auth read_auth(Table table);
Spawner read_spawner(Table table);
Idle read_idle(Table table);
// When servers of this profile end.
void read_ends(Table& table, Profile& profile);

// Puts `value` in place if there is one.
template <typename T, typename U>
void take(T& place, std::optional<U>&& value) {
  if (value) place = std::move(*value);
}

}  // namespace gpuhub::config
