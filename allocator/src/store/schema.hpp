// The store's file: its tables, how they are made once, and how a file is known to be ours.
// Private to store/.
#pragma once

#include <expected>
#include <filesystem>

#include "store/sqlite_db.hpp"

namespace gpuhub::store {

inline constexpr int schema_version = 3;  // PRAGMA user_version; a newer file is refused

// Opens or makes the file, locks it for this process, and returns it ready for use. Errors do not
// name the file: the caller adds it.
std::expected<Database, Error> open_books(const std::filesystem::path& file,
                                          const model::Epoch& fresh_epoch);

}  // namespace gpuhub::store
