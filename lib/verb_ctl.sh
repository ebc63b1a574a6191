# shellcheck shell=bash
# gpuhub ctl ARGS: gpuctl in the allocator's container, over the admin's socket.

verb_ctl() {
  [[ $(engine_state) == ok ]] || fail "no container engine answers" "./gpuhub doctor"
  [[ $(service_state allocator) == running* ]] || fail "the allocator does not run" "./gpuhub up"
  trap - ERR
  gpuctl "$@"
}
