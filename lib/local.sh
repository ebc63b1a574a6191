# shellcheck shell=bash
# The socket for people of this host, gpuctl without a hub. It lies in the host's /run, which is
# empty after a reboot: the engine makes the folder anew for the mount, open to all, and the
# allocator closes it (group, mode 2750) before the socket is there. Nothing is installed on the
# host for that.

readonly LOCAL_PLACE=/run/gpuhub
readonly LOCAL_SOCKET=$LOCAL_PLACE/local/allocator.sock

local_enabled() { [[ $(setting LOCAL) == true ]]; }

# The group's number; fails if this machine has no such group.
local_gid() {
  local entry
  entry=$(getent group "$(setting LOCAL_GROUP)") || return 1
  cut -d : -f 3 <<< "$entry"
}

# Ends with a failure if the group is not there. Nothing was changed yet.
local_check() {
  local_enabled || return 0
  local_gid > /dev/null \
    || fail "this machine has no group $(setting LOCAL_GROUP) (gpuhub.toml, [local])" \
      "sudo groupadd --system $(setting LOCAL_GROUP), or name another group"
}

# local_remove [PLACE]: the folder, of a socket that is not wanted any more. By a container: who may
# use the engine need not be root.
local_remove() {
  local place=${1:-$LOCAL_PLACE}
  [[ -e $place ]] || return 0
  docker run --rm --network none --user 0:0 --cap-drop ALL \
    --mount "type=bind,source=${place%/*},target=/above" "$(image_name allocator)" \
    rm -rf "/above/${place##*/}" > /dev/null 2>&1 || warn "$place stays: sudo rm -r $place"
}
