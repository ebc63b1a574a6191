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

# A folder of the shared volume, which holds images before there is an engine.
data_root() {
  [ -n "${TESTHOST_DATA:-}" ] || return 0
  mkdir -p "$TESTHOST_DATA" /var/lib/docker
  mount --bind "$TESTHOST_DATA" /var/lib/docker
}

writable_sys
data_root
exec env -i container=docker /usr/lib/systemd/systemd SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1
