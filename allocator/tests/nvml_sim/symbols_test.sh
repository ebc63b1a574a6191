#!/bin/sh
# The simulated library exports nothing but nvml*, needs nothing but libc's own libraries, and
# loads with glibc 2.35 (Ubuntu 22.04). Usage: symbols_test.sh LIBRARY
set -eu
library=$1
if nm -D "$library" 2>/dev/null | grep -qE "__(asan|tsan)_init"; then
  echo "a sanitizer's build needs more than libc: skipped"
  exit 77
fi
failed=0
say() { echo "FAIL: $1"; failed=1; }

others=$(nm -D --defined-only "$library" | awk '{print $3}' | grep -v '^nvml' || true)
[ -z "$others" ] || say "exports more than nvml*: $others"

exported=$(nm -D --defined-only "$library" | grep -c ' T nvml')
[ "$exported" -ge 400 ] || say "exports only $exported functions of NVML"

needed=$(readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
  grep -vE '^(libc\.so\.6|libm\.so\.6|ld-linux.*)$' || true)
[ -z "$needed" ] || say "needs more than libc: $needed"

newest=$(nm -D --undefined-only "$library" | grep -oE 'GLIBC_[0-9.]+' | sort -Vu | tail -n 1)
newest_allowed=$(printf '%s\nGLIBC_2.35\n' "$newest" | sort -V | tail -n 1)
[ "$newest_allowed" = GLIBC_2.35 ] ||
  say "needs $newest: $(nm -D --undefined-only "$library" | grep "$newest")"

soname=$(readelf -d "$library" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
[ "$soname" = libnvidia-ml.so.1 ] || say "soname is '$soname'"
exit $failed
