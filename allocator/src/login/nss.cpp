#include "login/nss.hpp"

#include <nss.h>

#include <format>

namespace gpuhub::login {

std::expected<void, std::string> look_up_only_in(const char* service) {
  for (const auto* database : {"passwd", "group", "shadow", "initgroups"}) {
    if (::__nss_configure_lookup(database, service) != 0) {
      return std::unexpected(
          std::format("the C library does not take {} as its source of {}", service, database));
    }
  }
  return {};
}

}  // namespace gpuhub::login
