# shellcheck shell=bash
# gpuhub compose ARGS: Docker Compose with gpuhub's files and variables, for people who know it.

verb_compose() {
  [[ -r $STATE/compose.env ]] || fail "gpuhub was never up here" "./gpuhub up"
  [[ $(engine_state) == ok ]] || fail "no container engine answers" "./gpuhub doctor"
  tools_ensure
  compose "$@"
}
