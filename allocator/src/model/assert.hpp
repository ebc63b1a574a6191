// GPUHUB_ASSERT: a belief of our own is broken. On in release: a wrong ledger must not go on.
// Never for what a caller, a file, Docker or NVML can cause: those are values (std::expected).
#pragma once

#include <cstdio>
#include <cstdlib>

namespace gpuhub::model {
[[noreturn]] inline void assertion_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "gpuhub: assertion failed: %s (%s:%d)\n", what, file, line);
  std::abort();
}
}  // namespace gpuhub::model

#define GPUHUB_ASSERT(condition)                                              \
  (static_cast<bool>(condition)                                               \
       ? static_cast<void>(0)                                                 \
       : ::gpuhub::model::assertion_failed(#condition, __FILE__, __LINE__))
