// Records as JSON text, the way the store keeps them. Reading is strict: an unknown key, a missing
// one, a wrong type or a value out of its rule is an error that names the key, never a guess.
// Pure functions. What write_…() gives, read_…() takes back to an equal value.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "model/record.hpp"

namespace gpuhub::store {

// The error: one line for people, such as `gpus[1]: no GPU id`.
template <typename T>
using ReadRow = std::expected<T, std::string>;

std::string write_lease(const model::Lease& lease);
ReadRow<model::Lease> read_lease(std::string_view text);

std::string write_listed(const model::ListedInventory& listed);
ReadRow<model::ListedInventory> read_listed(std::string_view text);

std::string write_conflict(const model::Conflict& conflict);
ReadRow<model::Conflict> read_conflict(std::string_view text);

std::string write_fault(const model::GpuFaulty& faulty);
ReadRow<model::GpuFaulty> read_fault(std::string_view text);

}  // namespace gpuhub::store
