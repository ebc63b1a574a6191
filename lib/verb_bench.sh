# shellcheck shell=bash
# gpuhub bench [PEER…]: how fast the allocator is beside others; see docs/performance.md. All of it
# runs in one container without a network; its stores are in a volume that goes with it. The
# product's own services are not touched.

readonly BENCH_PEERS=(gpuhub flask gunicorn sqlite redis etcd)

verb_bench() {
  local rounds=5 seconds=2
  local -a told=() peers=()
  while [[ $# -gt 0 ]]; do
    case $1 in
      --verbose) VERBOSE=1 ;;
      --rounds | --seconds)
        [[ ${2:-} =~ ^[1-9][0-9]?$ ]] || fail "$1 wants a number from 1 to 99" "./gpuhub bench $1 3"
        if [[ $1 == --rounds ]]; then rounds=$2; else seconds=$2; fi
        shift
        ;;
      -*)
        fail "bench knows no $1" \
          "./gpuhub bench [--verbose] [--rounds N] [--seconds N] [PEER…]; peers: ${BENCH_PEERS[*]}"
        ;;
      *)
        [[ " ${BENCH_PEERS[*]} " == *" $1 "* ]] \
          || fail "there is no peer $1" "one of: ${BENCH_PEERS[*]}"
        peers+=("$1")
        ;;
    esac
    shift
  done
  # Who names peers wants their figures only.
  [[ ${#peers[@]} -eq 0 ]] || told=(--peers-only "${peers[@]}")
  lock_state
  engine_ensure
  image_ensure bench
  mkdir -p "$STATE/bench"
  say "Measuring; do nothing else on this machine meanwhile …"
  docker run --rm --init --network none --user "$(id -u):$(id -g)" --volume "$STATE/bench:/out" \
    "$(image_name bench)" --out /out --rounds "$rounds" --seconds "$seconds" "${told[@]}" \
    < /dev/null 9>&-
  say "" "All figures: ${STATE#"$ROOT/"}/bench/figures.json"
}
