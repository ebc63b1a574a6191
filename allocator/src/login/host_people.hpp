// The host's accounts, read from its /etc (mounted): who is a person. Files are read anew at each
// question, because useradd and passwd put new ones in place.
#pragma once

#include <cstddef>

#include "login/ports.hpp"

namespace gpuhub::login {

// People have a uid within UID_MIN..UID_MAX of login.defs (never 0), a shell that logs in, and a
// name that is_name(). The first entry of a name counts, as for the C library: a system's account
// hides a later one of that name.
class HostPeople : public People {
 public:
  static constexpr std::size_t file_max = 16 * 1024 * 1024;  // bytes; a larger file is not read

  explicit HostPeople(std::string etc);

  // Exactly that name, else its lower case: `Ana` and `ana` are two people where both exist.
  std::expected<Account, Answer> find(std::string_view typed) override;
  bool is_locked(const Account& account) override;
  std::optional<std::string> trouble() override;

 private:
  std::string etc_;
};

}  // namespace gpuhub::login
