# shellcheck shell=bash
# gpuhub logs [SERVICE] [-f] [--tail N]: of one service, or of all with their names in front.

verb_logs() {
  local service='' follow=() tail=200
  while [[ $# -gt 0 ]]; do
    case $1 in
      -f | --follow) follow=(--follow) ;;
      --tail)
        [[ ${2:-} =~ ^([0-9]+|all)$ ]] || fail "--tail wants a number of lines" "or: --tail all"
        tail=$2
        shift
        ;;
      allocator | login | proxy | hub | status) service=$1 ;;
      *) fail "there is no service $1" "one of: $(services | paste -sd ' ')" ;;
    esac
    shift
  done
  [[ $(engine_state) == ok ]] || fail "no container engine answers" "./gpuhub doctor"
  if [[ -n $service ]]; then
    service_log "$service" --tail "$tail" "${follow[@]}"
    return
  fi
  local name
  trap 'kill $(jobs -p) 2> /dev/null' INT TERM
  for name in $(services); do
    service_log "$name" --tail "$tail" "${follow[@]}" | sed -u "s/^/$(printf '%-9s' "$name") | /" &
    [[ ${#follow[@]} -gt 0 ]] || wait $!
  done
  wait
}
