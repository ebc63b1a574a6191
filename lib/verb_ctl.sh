# shellcheck shell=bash
# gpuhub ctl ARGS: gpuctl in the allocator's container, over the admin's socket.
# gpuhub ctl --install PATH: gpuctl itself, one static file, for people of this host.

verb_ctl() {
  [[ $(engine_state) == ok ]] || fail "no container engine answers" "./gpuhub doctor"
  if [[ ${1:-} == --install ]]; then
    [[ $# -eq 2 && -n $2 ]] || fail "--install wants a path" \
      "sudo ./gpuhub ctl --install /usr/local/bin/gpuctl"
    ctl_install "$2"
    return
  fi
  [[ $(service_state allocator) == running* ]] || fail "the allocator does not run" "./gpuhub up"
  local -a terminal=()
  # So that Ctrl-C ends what runs in the container too.
  [[ ! -t 0 || ! -t 1 ]] || terminal=(--interactive --tty)
  trap - ERR
  docker exec "${terminal[@]}" "$(service_container allocator)" gpuctl "$@"
}

# ctl_install PATH: replaced as a whole, so that a gpuctl that runs goes on as it was.
ctl_install() {
  local path=$1 image
  image=$(image_name allocator)
  docker image inspect "$image" > /dev/null 2>&1 \
    || fail "the image $image is not built yet" "./gpuhub up, or ./gpuhub build allocator"
  [[ ! -d $path ]] || path=${path%/}/gpuctl
  [[ -d $(dirname "$path") && -w $(dirname "$path") ]] \
    || fail "$(id -un) cannot write to $(dirname "$path")" "sudo ./gpuhub ctl --install $path"
  if ! docker run --rm --network none --cap-drop ALL "$image" cat /usr/local/bin/gpuctl \
    > "$path.new"; then
    rm -f "$path.new"
    fail "gpuctl could not be taken out of $image" "./gpuhub build allocator"
  fi
  chmod 755 "$path.new"
  mv "$path.new" "$path"
  say "$("$path" version) is in $path."
}
