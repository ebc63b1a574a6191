# shellcheck shell=bash
# gpuhub status: health, GPUs, leases, notebooks, address. Exits 1 unless all services are healthy.

verb_status() {
  [[ $# -eq 0 ]] || fail "status takes no $1" "./gpuhub status"
  [[ $(engine_state) == ok ]] || fail "no container engine answers" "./gpuhub doctor"
  status_services
  if [[ $(service_state allocator) == running* ]]; then
    say ""
    gpuctl gpus || true
    say ""
    gpuctl leases || true
  fi
  say "" "Notebooks running: $(notebooks -q | wc -l)" "Address: $(public_place)"
  services_healthy \
    || fail "not all services are healthy" "./gpuhub up, or ./gpuhub doctor to learn why"
}

status_services() {
  local name id since state health
  printf '%-10s %-9s %-10s %s\n' SERVICE STATE HEALTH SINCE
  for name in $(services); do
    id=$(service_container "$name")
    since=-
    [[ -z $id ]] || since=$(docker inspect --format '{{.State.StartedAt}}' "$id" | cut -c 1-19)
    read -r state health <<< "$(service_state "$name")"
    printf '%-10s %-9s %-10s %s\n' "$name" "$state" "$health" "$since"
  done
}
