#!/bin/bash
# The bare machine's first process: makes /sys and the cgroups writable and mounts the folder for
# an engine's data, then becomes systemd, which on cgroup v1 starts only if it is told to.
set -euo pipefail

writable_sys() {
  mount -o remount,rw /sys || mount -o remount,bind,rw /sys
  local target
  while read -r target; do
    mount -o remount,bind,rw "$target"
  done < <(awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts)
}

# The kernel is the outer machine's too. systemd would mount every cgroup controller that nobody
# uses there, after which the engines outside find no mount for it and tell of no more ends for want
# of memory; and it would raise limits of the whole kernel.
spare_the_kernel() {
  local part
  if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then
    awk '/^#/ || $2 != 0' /proc/cgroups >/run/cgroups
    mount --bind /run/cgroups /proc/cgroups
  fi
  for part in /proc/sys/*; do
    [ "$part" != /proc/sys/net ] || continue # it has one of its own
    mount --bind "$part" "$part"
    mount -o remount,bind,ro "$part"
  done
}

# A folder of the shared volume, which holds images before there is an engine.
data_root() {
  [ -n "${TESTHOST_DATA:-}" ] || return 0
  mkdir -p "$TESTHOST_DATA" /var/lib/docker
  mount --bind "$TESTHOST_DATA" /var/lib/docker
}

writable_sys
spare_the_kernel
data_root
exec env -i container=docker /usr/lib/systemd/systemd SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1
