# shellcheck shell=bash
# The container engine: the one that answers is used; none: the distribution's is installed (root).
# A dockerd started by hand is remembered in /run, so that only that one is ever stopped by us.

readonly ENGINE_MARK=/run/gpuhub-dockerd.pid
readonly ENGINE_LOG=/var/log/gpuhub-dockerd.log

# Prints one word: ok, no-client, denied, down.
engine_state() {
  has docker || { say no-client; return; }
  local answer
  if answer=$(timeout 20 docker version --format '{{.Server.Version}}' 2>&1); then
    say ok
  elif [[ $answer == *"permission denied"* ]]; then
    say denied
  else
    say down
  fi
}

engine_version() { docker version --format '{{.Server.Version}}'; }

# The engine's address as the client sees it (DOCKER_HOST or context).
engine_host() {
  if [[ -n ${DOCKER_HOST:-} ]]; then say "$DOCKER_HOST"; return; fi
  docker context inspect --format '{{.Endpoints.docker.Host}}' 2> /dev/null \
    || say unix:///var/run/docker.sock
}

engine_socket() {
  local host
  host=$(engine_host)
  [[ $host == unix://* ]] || fail "the engine at $host is not on this machine" \
    "gpuhub mounts the engine's socket: unset DOCKER_HOST, or run it on that machine"
  say "${host#unix://}"
}

# Ends with an answering engine or with a failure that says what to do.
engine_ensure() {
  local state
  state=$(engine_state)
  case $state in
    ok) ;;
    denied)
      fail "the container engine runs, but $(id -un) may not use it" \
        "sudo usermod -aG docker $(id -un), log in again; or run this with sudo"
      ;;
    *)
      engine_may_be_made "$state"
      engine_make "$state"
      ;;
  esac
  engine_supported
}

engine_may_be_made() {
  if [[ -n ${DOCKER_HOST:-} ]]; then
    [[ $1 == no-client ]] || fail "no container engine answers at $DOCKER_HOST (DOCKER_HOST)" \
      "start it, or unset DOCKER_HOST"
  fi
  is_root || fail "no container engine answers, and only root can install or start one" \
    "once: sudo ./gpuhub up   (later ups need no root: sudo usermod -aG docker $(id -un))"
  has dockerd || has apt-get \
    || fail "no container engine answers and this is not a Debian or Ubuntu" \
      "install Docker Engine 20.10 or newer with your distribution's means, then run this again"
}

engine_make() {
  if ! has dockerd || ! has docker; then
    say "No container engine answers: installing the distribution's package docker.io."
    step engine-install "installing docker.io" engine_install
  fi
  [[ $(engine_state) != ok ]] || return 0
  if has_systemd; then
    step engine-start "starting the container engine (systemd)" \
      systemctl enable --now docker.service
  else
    engine_start_by_hand
  fi
  poll 60 engine_is_up || engine_never_came
}

engine_is_up() { [[ $(engine_state) == ok ]]; }

engine_never_came() {
  [[ ! -r $ENGINE_LOG ]] || tail -n 15 "$ENGINE_LOG" >&3
  fail "the container engine was started and does not answer" \
    "see ${ENGINE_LOG} or: journalctl -u docker"
}

engine_install() {
  local -a packages=(docker.io ca-certificates)
  apt-get update
  # The client is a package of its own from Debian 13 on.
  [[ -z $(apt-cache search --names-only '^docker-cli$') ]] || packages+=(docker-cli)
  # Where the kernel enforces AppArmor the engine needs its parser to load a profile.
  ! grep -qs Y /sys/module/apparmor/parameters/enabled || packages+=(apparmor)
  install_packages "${packages[@]}"
}

# No init system that we know: the daemon is ours to start. It does not come back after a reboot.
engine_start_by_hand() {
  local pid_file=/var/run/docker.pid
  say "No systemd here: starting dockerd by hand (log: $ENGINE_LOG)."
  if [[ -e $pid_file ]] && ! kill -0 "$(< "$pid_file")" 2> /dev/null; then rm -f "$pid_file"; fi
  setsid dockerd >> "$ENGINE_LOG" 2>&1 < /dev/null 3>&- 9>&- &
  printf '%s\n' "$!" > "$ENGINE_MARK"
  disown
}

# Alive and still dockerd: a process that has ended but was not reaped has no command line.
engine_is_ours() {
  local pid
  [[ -r $ENGINE_MARK ]] || return 1
  pid=$(< "$ENGINE_MARK")
  [[ $(tr '\0' ' ' < "/proc/$pid/cmdline") == *dockerd* ]] 2> /dev/null
}

engine_is_gone() { ! engine_is_ours; }

engine_stop_ours() {
  engine_is_ours || return 0
  local pid
  pid=$(< "$ENGINE_MARK")
  kill "$pid"
  poll 60 engine_is_gone \
    || fail "dockerd (process $pid) does not end" "see $ENGINE_LOG; then: kill $pid"
  rm -f "$ENGINE_MARK"
}

# engine_log_remove [LOG]: of a dockerd that we started; nobody else writes there.
engine_log_remove() {
  local log=${1:-$ENGINE_LOG}
  [[ ! -e $log ]] || rm -f "$log" 2> /dev/null || warn "$log stays: only root can remove it"
}

engine_security() { docker info --format '{{range .SecurityOptions}}{{println .}}{{end}}'; }

# Rootless engines and remapped users cannot hand out device nodes or read the host's accounts.
engine_supported() {
  local options
  options=$(engine_security)
  [[ $options != *name=rootless* ]] || fail "the engine runs rootless" \
    "gpuhub needs the system's engine: DOCKER_HOST=unix:///var/run/docker.sock ./gpuhub up"
  [[ $options != *name=userns* ]] || fail "the engine remaps users (userns-remap)" \
    "remove \"userns-remap\" from /etc/docker/daemon.json and restart the engine"
  engine_socket > /dev/null
}
