# shellcheck shell=bash
# gpuhub test [SUITE…]: builds what the suites need and runs them. Each suite is a program that
# gets a folder and leaves JUnit files there. The last line is `N passed, N failed, N skipped`.

# name | program | images that it needs (built first)
readonly SUITES=(
  "style|allocator/tests/style/run|build"
  "wrapper|tests/wrapper/run|build"
  "cpp|tests/cpp/run|allocator:test"
  "hub|hub/tests/run|hub:test"
  "lab|lab/tests/run|lab:test"
  "e2e|e2e/run|allocator login proxy hub cell notebook tools testhost barehost directories e2e \
allocator:test"
)

verb_test() {
  local -a wanted=()
  local entry name program images
  local passed=0 failed=0 skipped=0
  while [[ $# -gt 0 ]]; do
    case $1 in
      --verbose) VERBOSE=1 ;;
      -*) fail "test knows no $1" "./gpuhub test [--verbose] [SUITE…]; suites: $(suite_names)" ;;
      *)
        [[ " $(suite_names) " == *" $1 "* ]] || fail "there is no suite $1" "one of: $(suite_names)"
        wanted+=("$1")
        ;;
    esac
    shift
  done
  lock_state
  engine_ensure
  for entry in "${SUITES[@]}"; do
    IFS='|' read -r name program images <<< "$entry"
    [[ ${#wanted[@]} -eq 0 || " ${wanted[*]} " == *" $name "* ]] || continue
    suite_run "$name" "$program" "$images"
    passed=$((passed + SUITE_PASSED)) failed=$((failed + SUITE_FAILED))
    skipped=$((skipped + SUITE_SKIPPED))
  done
  say "$passed passed, $failed failed, $skipped skipped"
  [[ $failed -eq 0 ]] || exit 1
}

suite_names() { printf '%s\n' "${SUITES[@]%%|*}" | paste -sd ' '; }

# suite_run NAME PROGRAM IMAGES: sets SUITE_PASSED, SUITE_FAILED, SUITE_SKIPPED; never ends early.
suite_run() {
  local name=$1 program=$2 out=$STATE/test/$1 start=$SECONDS status=0 log
  log=$STATE/log/test-$name.log
  SUITE_PASSED=0 SUITE_FAILED=1 SUITE_SKIPPED=0
  rm -rf "$out"
  mkdir -p "$out" "$STATE/log"
  # shellcheck disable=SC2086  # a list of names
  if ! suite_images $3; then
    say "suite $name: its images could not be built"
    return
  fi
  say "suite $name …"
  # shellcheck disable=SC2086  # a list of names
  suite_program "$program" "$out" "$log" $3 || status=$?
  suite_count "$out" "$status"
  [[ $SUITE_FAILED -eq 0 ]] || suite_evidence "$out" "$log" "$status"
  suite_numbers "$out"
  say "suite $name: $SUITE_PASSED passed, $SUITE_FAILED failed, $SUITE_SKIPPED skipped in $(
    elapsed $((SECONDS - start)))"
}

# A failed build must not end the other suites: in a process of its own.
suite_images() {
  local status=0
  (image_ensure "$@") || status=$?
  return "$status"
}

# What a suite has measured, if it has.
suite_numbers() { [[ ! -r $1/numbers.txt ]] || sed 's/^/  /' "$1/numbers.txt"; }

# suite_program PROGRAM OUT LOG IMAGE…: the first image's full name is GPUHUB_TEST_IMAGE.
suite_program() {
  local -a environment=(GPUHUB_VERSION="$VERSION" GPUHUB_BUILD_IMAGE="$(image_name build)"
    GPUHUB_TEST_IMAGE="$(image_name "$4")" GPUHUB_DOCKER_SOCKET="$(engine_socket)")
  [[ -x $ROOT/$1 ]] || { printf 'there is no program %s\n' "$1" > "$3"; return 127; }
  if [[ -n $VERBOSE ]]; then
    env "${environment[@]}" "$ROOT/$1" "$2" 2>&1 < /dev/null 9>&- | tee "$3"
  else
    env "${environment[@]}" "$ROOT/$1" "$2" > "$3" 2>&1 < /dev/null 9>&-
  fi
}

# suite_count OUT STATUS: no files, no tests or a bad end without a failed test: one failure.
suite_count() {
  local -a files=("$1"/*.xml)
  [[ ${#files[@]} -gt 0 ]] || return 0
  read -r SUITE_PASSED SUITE_FAILED SUITE_SKIPPED < <(junit_count "${files[@]}")
  if [[ $((SUITE_PASSED + SUITE_FAILED + SUITE_SKIPPED)) -eq 0 ]]; then SUITE_FAILED=1; fi
  if [[ $2 -ne 0 && $SUITE_FAILED -eq 0 ]]; then SUITE_FAILED=1; fi
}

suite_evidence() {
  local -a files=("$1"/*.xml)
  [[ -n $VERBOSE ]] || tail -n 150 "$2" | sed 's/^/    /'
  [[ ${#files[@]} -eq 0 ]] || junit_failures "${files[@]}" | sed 's/^/  failed: /'
  say "  exit status $3; the whole output: ${2#"$ROOT/"}; files: ${1#"$ROOT/"}"
}
