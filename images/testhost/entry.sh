#!/bin/bash
# Boots the test host: makes /sys and the cgroups writable, makes the simulated GPUs, then keeps
# containerd and dockerd running as systemd would (`hostctl` stops, restarts and kills them).
# SIGTERM shuts down in the order of a real machine: the engine first, it stops its containers.
set -euo pipefail

writable_sys() {
  mount -o remount,rw /sys || mount -o remount,bind,rw /sys
  local target
  while read -r target; do
    mount -o remount,bind,rw "$target"
  done < <(awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts)
}

# cgroup v2: a group that has processes of its own cannot hand controllers to its children.
delegate_cgroup2() {
  local root=/sys/fs/cgroup controller pid
  local -a controllers
  [ "$(stat -f -c %T "$root")" = cgroup2fs ] || return 0
  mkdir -p "$root/init"
  while read -r pid; do
    echo "$pid" >"$root/init/cgroup.procs" 2>/dev/null || true # it ended meanwhile
  done <"$root/cgroup.procs"
  read -ra controllers <"$root/cgroup.controllers"
  for controller in "${controllers[@]}"; do
    echo "+$controller" >"$root/cgroup.subtree_control" ||
      echo "testhost: controller $controller cannot be delegated" >&2
  done
}

# The engine's data lies in a folder of the shared volume, so that images come as hard links.
data_root() {
  [ -n "${TESTHOST_DATA:-}" ] || return 0
  mkdir -p "$TESTHOST_DATA" /var/lib/docker
  mountpoint -q /var/lib/docker || mount --bind "$TESTHOST_DATA" /var/lib/docker
}

# `hostctl` may have changed the file since the first boot: then it stays as it is.
engine_config() {
  [ ! -e /etc/docker/daemon.json ] || return 0
  mkdir -p /etc/docker
  local config
  config=$(jq -n --argjson live "${TESTHOST_LIVE_RESTORE:-false}" \
    '{"live-restore": $live, "log-opts": {"max-size": "20m"}}')
  case ${TESTHOST_GPU_ACCESS:-plain} in
  cdi)
    config=$(jq '. + {features: {cdi: true}, "cdi-spec-dirs": ["/etc/cdi", "/var/run/cdi"]}' \
      <<<"$config")
    ;;
  nvidia)
    ln -sf /usr/local/lib/testhost/nvidia-container-runtime{,-hook} /usr/bin/
    config=$(jq '. + {runtimes: {nvidia: {path: "nvidia-container-runtime"}},
      "default-runtime": "nvidia", features: {cdi: false}}' <<<"$config")
    ;;
  plain) config=$(jq '. + {features: {cdi: false}}' <<<"$config") ;;
  *)
    echo "testhost: TESTHOST_GPU_ACCESS must be cdi, nvidia or plain" >&2
    exit 64
    ;;
  esac
  echo "$config" >/etc/docker/daemon.json
}

shut_down() {
  hostctl stop dockerd
  hostctl stop containerd
  exit 0
}

mkdir -p /run/testhost /var/log
writable_sys
delegate_cgroup2
data_root
/usr/local/lib/testhost/make_gpus.py
engine_config
rm -f /run/docker.pid /run/docker/containerd/*.pid

trap shut_down TERM INT
hostctl start containerd
hostctl start dockerd
# The product listens on loopback only; this is the test's "SSH tunnel".
socat TCP-LISTEN:18000,fork,reuseaddr TCP:127.0.0.1:8000 &
record_events </dev/null &
while :; do
  sleep infinity &
  wait $! || true
done
