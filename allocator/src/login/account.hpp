// Somebody's account as the log-in helper tells it, and what it answers about him.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gpuhub::login {

struct Group {
  std::string name;  // "" if the number has none, or one that is not to be shown
  std::uint32_t gid = 0;
  bool operator==(const Group&) const = default;
};

struct Account {
  std::string name = {};           // as the source has it, not as it was typed; fits is_name()
  std::uint32_t uid = 0;           // never 0
  std::uint32_t gid = 0;
  std::vector<Group> groups = {};  // all of them, the first is that of `gid`
  std::string home = {};           // "" if it is not an absolute path of plain text
  std::string shell = {};          // "" if it is none, or not plain text
  bool operator==(const Account&) const = default;
};

enum class Outcome {
  ok,
  wrong,        // name or password; the hub says no more to anybody
  not_allowed,  // nobody of that name, or no person's account
  expired,      // the account, after the right password; or a password not changed in time
  must_change,  // the password, after the right one
  locked,       // closed by whoever keeps the accounts
  unavailable,  // nothing is known: try again
  busy,         // the same: too many at once
  bad_request,  // the hub does not speak as this helper does
};
std::string_view to_string(Outcome outcome);

struct Answer {
  Outcome outcome = Outcome::unavailable;
  std::string detail = {};              // for the admin's log; never the password
  std::optional<Account> account = {};  // with `ok`, else none
};

// One line of JSON, its end included.
std::string to_line(const Answer& answer);

}  // namespace gpuhub::login
