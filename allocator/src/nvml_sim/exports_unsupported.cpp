// The rest of NVML's functions: present, and honest about what they cannot do.
#include "nvml_sim/exports.hpp"

using namespace gpuhub::nvml_sim;

// Callers pass arguments, which the C calling convention lets a callee ignore.
#define UNSUPPORTED(NAME) \
  NVML_EXPORT NAME() noexcept { return engine().initialised() ? kNotSupported : kUninitialized; }
#include "nvml_sim/unsupported.inc"
#undef UNSUPPORTED
