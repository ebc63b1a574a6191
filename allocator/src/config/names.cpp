#include <algorithm>
#include <array>

#include "config/config.hpp"
#include "model/assert.hpp"

namespace gpuhub::config {

bool is_capability(std::string_view text) {
  constexpr std::array<std::string_view, 8> known{"compute", "utility",  "graphics", "video",
                                                  "display", "compat32", "ngx",      "all"};
  return std::ranges::contains(known, text);
}

std::string_view to_string(TlsMode mode) {
  switch (mode) {
    case TlsMode::none: return "none";
    case TlsMode::files: return "files";
    case TlsMode::self_signed: return "self_signed";
    case TlsMode::behind_proxy: return "behind_proxy";
  }
  GPUHUB_ASSERT(!"a TLS mode without a name");
  return {};
}

std::string_view to_string(Driver driver) {
  switch (driver) {
    case Driver::automatic: return "auto";
    case Driver::cdi: return "cdi";
    case Driver::nvidia: return "nvidia";
    case Driver::devices: return "devices";
  }
  GPUHUB_ASSERT(!"a driver without a name");
  return {};
}

std::string_view to_string(Source source) {
  return source == Source::nvml ? "nvml" : "listed";
}

std::string_view to_string(ShowHolders show) {
  switch (show) {
    case ShowHolders::all: return "all";
    case ShowHolders::group: return "group";
    case ShowHolders::none: return "none";
  }
  GPUHUB_ASSERT(!"a choice of holders without a name");
  return {};
}

}  // namespace gpuhub::config
