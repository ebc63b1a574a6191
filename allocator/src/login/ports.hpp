// What the log-in helper asks the world: who somebody is, and whether he may enter. Called in a
// process that serves one request and is killed when it takes too long: calls may block.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "login/account.hpp"

namespace gpuhub::login {

class People {
 public:
  virtual ~People() = default;
  // The account of a person that `typed` means; never root's or a system's. Error: not_allowed, or
  // unavailable where the source cannot be asked.
  virtual std::expected<Account, Answer> find(std::string_view typed) = 0;
  // Whether no password can be its right one: locked, or none there. False where that is not known.
  virtual bool is_locked(const Account& account) = 0;
  // Why nobody can be found now; nullopt if the source answers.
  virtual std::optional<std::string> trouble() = 0;
};

class Gate {
 public:
  virtual ~Gate() = default;
  // Password, then account; without Answer::account. `wrong` whenever the password was not seen to
  // be right.
  virtual Answer check(const std::string& name, const std::string& password) = 0;
  // The account alone: is it open to log-in now?
  virtual Answer look(const std::string& name) = 0;
};

}  // namespace gpuhub::login
