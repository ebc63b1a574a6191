// People of the domain that the host is enrolled in, found by its sssd through the C library
// (nss.hpp must have named "sss").
#pragma once

#include "login/ports.hpp"

namespace gpuhub::login {

// People have a uid of at least 1000 that is not nobody's, and a shell that logs in. What they are
// called is sssd's word: `ALICE` and `alice@ad.lab` may be one person, with one name. While its
// directory is away sssd knows only those whom it remembers; it does not tell that of others.
class SssPeople : public People {
 public:
  explicit SssPeople(std::string nss_pipe = "/var/lib/sss/pipes/nss");

  std::expected<Account, Answer> find(std::string_view typed) override;
  bool is_locked(const Account& account) override;  // false: sssd says so at the gate
  std::optional<std::string> trouble() override;

 private:
  std::string nss_pipe_;
};

}  // namespace gpuhub::login
