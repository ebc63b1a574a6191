# shellcheck shell=bash
# gpuhub idle [NAME]: what is thought of each running server, or of NAME's: at work or idle, since
# when, why, and when it ends. Exits 1 if NAME has none, 2 if that could not be found out.

verb_idle() {
  [[ $# -eq 0 ]] || name_given idle "$@" > /dev/null
  [[ $(engine_state) == ok ]] || fail "no container engine answers" "./gpuhub doctor"
  [[ $(service_state hub) == running* ]] || fail "the hub does not run" "./gpuhub up"
  trap - ERR
  hub_python idle.ask "$@"
}
