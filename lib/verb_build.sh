# shellcheck shell=bash
# gpuhub build [NAME[:STAGE]…]: the images, nothing started. Without names: those that `up` needs.

verb_build() {
  local -a names=()
  while [[ $# -gt 0 ]]; do
    case $1 in
      --verbose) VERBOSE=1 ;;
      -*) fail "build knows no $1" "./gpuhub build [--verbose] [NAME[:STAGE]…]" ;;
      *) names+=("$1") ;;
    esac
    shift
  done
  if [[ ${#names[@]} -eq 0 ]]; then
    names=(allocator proxy hub cell notebook)
    ! login_enabled || names+=(login)
  fi
  lock_state
  engine_ensure
  image_ensure "${names[@]}"
  say "Built: $(for name in "${names[@]}"; do image_name "$name"; done | paste -sd ' ')"
}
