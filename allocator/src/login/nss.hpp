// The C library's look-up of accounts, kept to one source.
#pragma once

#include <expected>
#include <string>

namespace gpuhub::login {

// From now on this process, PAM's modules included, finds people and groups by this NSS service
// only ("extrausers", "sss"): the container's own accounts are nobody. Before the first look-up,
// on one thread. Error: one sentence.
std::expected<void, std::string> look_up_only_in(const char* service);

}  // namespace gpuhub::login
