// Shared by the exports_*.cpp: how a C function of NVML is made from the engine. Each checks in
// the order of the real library: initialised, handle, arguments, then whether the GPU has it.
#pragma once

#include <cstring>
#include <string_view>

#include "nvml_sim/abi.hpp"
#include "nvml_sim/engine.hpp"

// Exceptions never leave the library: out of memory ends the process.
#define NVML_EXPORT extern "C" __attribute__((visibility("default"))) nvmlReturn_t

namespace gpuhub::nvml_sim {

// Calls `then(view)` for a good handle; else gives the engine's code.
template <typename Then>
nvmlReturn_t with_gpu(nvmlDevice_t handle, Then then) noexcept {
  const auto view = engine().view(handle);
  return view ? then(*view) : view.error();
}

// The same for calls with one result, which must not be null: stores what `get(view)` gives.
template <typename Out, typename Get>
nvmlReturn_t give(nvmlDevice_t handle, Out* out, Get get) noexcept {
  return with_gpu(handle, [&](const View& view) -> nvmlReturn_t {
    if (out == nullptr) return kInvalidArgument;
    *out = static_cast<Out>(get(view));
    return kSuccess;
  });
}

// Finds the GPU for which `matches(view)` is true. As NVML's documentation has it, a search goes
// through the GPUs and says that one is lost when it meets any that is, whichever was looked for.
template <typename Matches>
nvmlReturn_t search(Matches matches, nvmlDevice_t* out) noexcept {
  for (unsigned index = 0; index < engine().count(); ++index) {
    const auto handle = engine().by_index(index);
    const auto view = engine().view(handle);
    if (!view) return view.error();
    if (!matches(*view)) continue;
    *out = handle;
    return kSuccess;
  }
  return kNotFound;
}

// Copies a text with its end mark into a caller's buffer.
inline nvmlReturn_t give_text(std::string_view text, char* out, unsigned length) noexcept {
  if (out == nullptr) return kInvalidArgument;
  if (text.size() >= length) return kInsufficientSize;
  std::memcpy(out, text.data(), text.size());
  out[text.size()] = '\0';
  return kSuccess;
}

}  // namespace gpuhub::nvml_sim
