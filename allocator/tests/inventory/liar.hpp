// The library that lies, from the test's side: what it lies about, what it raises, how often it was
// called. One for the whole process; a test that uses it begins with lie().
#pragma once

#include <dlfcn.h>

namespace gpuhub::inventory {

class Liar {
 public:
  static Liar& get() {
    static Liar only;
    return only;
  }
  // Several lies are parted by ';'. "" is the truth.
  void lie(const char* lies) { call<void>("lying_nvml_lie", lies); }
  // `gpu` 0 and 1 are those that it shows; 2 is one that it never shows.
  void raise(unsigned gpu, unsigned long long xid, unsigned long long type = 8) {
    call<void>("lying_nvml_raise", gpu, type, xid);
  }
  unsigned inits() { return call<unsigned>("lying_nvml_inits"); }
  unsigned shutdowns() { return call<unsigned>("lying_nvml_shutdowns"); }
  unsigned waits() { return call<unsigned>("lying_nvml_waits"); }

 private:
  Liar() : library_(::dlopen(LYING_LIBRARY, RTLD_NOW | RTLD_LOCAL)) {}

  template <typename Result, typename... Arguments>
  Result call(const char* name, Arguments... arguments) {
    return reinterpret_cast<Result (*)(Arguments...)>(::dlsym(library_, name))(arguments...);
  }

  void* library_;
};

}  // namespace gpuhub::inventory
