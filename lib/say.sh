# shellcheck shell=bash
# What people read: lines, steps with their time, failures with their remedy.
# Used by every part. Never changes anything but .gpuhub/log.

VERBOSE=${VERBOSE:-}
readonly FAILED=199  # exit status inside a step that has already said why
exec 3>&2            # where `fail` speaks even when a step's output goes to its log

say() { printf '%s\n' "$@"; }
warn() { printf 'note: %s\n' "$*" >&3; }

# fail WHAT WHAT_TO_DO: ends the command. Both are for a person; neither may be empty.
fail() {
  {
    printf '\nerror: %s\n' "$1"
    printf '   do: %s\n' "${2//$'\n'/$'\n'       }"
  } >&3
  trap - ERR
  [[ -z ${IN_STEP:-} ]] || exit "$FAILED"
  exit 1
}

# An unforeseen error: in a step it goes to the step's log, whose end is shown anyway.
trap_error() {
  local status=$1 command=$2 file=$3 line=$4
  trap - ERR
  [[ $status -ne $FAILED ]] || exit "$FAILED"
  if [[ -n ${IN_STEP:-} ]]; then
    printf '%s:%s: `%s` ended with %s\n' "${file#"$ROOT/"}" "$line" "$command" "$status" >&2
    exit "$status"
  fi
  printf '\nerror: %s:%s: `%s` ended with %s\n   do: run it again with --verbose; %s\n' \
    "${file#"$ROOT/"}" "$line" "$command" "$status" "./gpuhub doctor tells what is wrong" >&3
  exit 1
}

elapsed() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# step NAME TITLE COMMAND…: runs it in a subshell, output to .gpuhub/log/NAME.log, shows the time.
# On failure prints the log's tail and ends. Variables set by COMMAND are lost.
step() {
  local name=$1 title=$2 start=$SECONDS status=0 pid log
  shift 2
  mkdir -p "$STATE/log"
  log=$STATE/log/$name.log
  if [[ -n $VERBOSE ]]; then
    say "- $title"
    (IN_STEP=1; "$@") 2>&1 < /dev/null | tee "$log" || status=$?
  else
    [[ -t 1 ]] || say "- $title …"
    (IN_STEP=1; "$@") > "$log" 2>&1 < /dev/null &
    pid=$!
    step_watch "$pid" "$title" "$start"
    wait "$pid" || status=$?
  fi
  step_close "$status" "$title" $((SECONDS - start)) "$log"
}

# On a terminal the running step's clock is shown; elsewhere nothing is printed meanwhile.
step_watch() {
  [[ -t 1 ]] || return 0
  while kill -0 "$1" 2> /dev/null; do
    printf '\r\033[K- %s … %s' "$2" "$(elapsed $((SECONDS - $3)))"
    sleep 0.3
  done
  printf '\r\033[K'
}

step_close() {
  local status=$1 title=$2 took=$3 log=$4
  if [[ $status -eq 0 ]]; then
    if [[ -t 1 ]]; then
      say "- $title: $(elapsed "$took")"
    elif [[ $took -gt 0 || -n $VERBOSE ]]; then
      say "  done in $(elapsed "$took")"
    fi
    return 0
  fi
  [[ $status -ne $FAILED ]] || exit 1
  [[ -n $VERBOSE ]] || tail -n 40 "$log" | sed 's/^/    /' >&3
  fail "$title: failed after $(elapsed "$took")" "the whole output is in ${log#"$ROOT/"}"
}

# poll SECONDS COMMAND…: until it succeeds; 1 when the time is over.
poll() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [[ $SECONDS -lt $deadline ]] || return 1
    sleep 0.5
  done
}

# Two commands that change things must not run at once. Kept until this process ends.
lock_state() {
  mkdir -p "$STATE" 2> /dev/null || true
  [[ -w $STATE ]] || fail "cannot write to $STATE" "make it yours: sudo chown -R $(id -un) '$ROOT'"
  exec 9> "$STATE/lock"
  flock -n 9 || fail "another gpuhub command is at work here" "wait until it is done"
  trap leave_to_owner EXIT
}

# What root makes in somebody's checkout (sudo) belongs to them afterwards.
leave_to_owner() {
  local path
  [[ $EUID -eq 0 ]] || return 0
  for path in "$STATE" "$ROOT/gpuhub.toml"; do
    [[ ! -e $path ]] || chown -R --reference="$ROOT" "$path"
  done
}
