// Keeps the library loadable in images with an older libc than the build's (glibc 2.35 and later,
// held by a test): libstdc++'s archive calls a name that exists from glibc 2.38 on only. It is
// answered here by the one that has always been there; the difference (binary digits, "0b1") is
// of no use to the only caller, which reads a tunable of the exception pool.
extern "C" {
unsigned long ordinary_strtoul(const char* text, char** end, int base) noexcept __asm__("strtoul");
unsigned long __isoc23_strtoul(const char* text, char** end, int base) noexcept;

unsigned long __isoc23_strtoul(const char* text, char** end, int base) noexcept {
  return ordinary_strtoul(text, end, base);
}
}
