# shellcheck shell=bash
# The running services: what Compose is told, finding containers, waiting until they are healthy.

readonly SERVICES=(allocator login proxy hub status)

# Those that this machine's settings want, one per line.
services() {
  local name
  for name in "${SERVICES[@]}"; do
    [[ $name != login ]] || login_enabled || continue
    say "$name"
  done
}

# The container of a service, running or not; empty if there is none.
service_container() {
  docker ps -aq --no-trunc --filter label=com.docker.compose.project=gpuhub \
    --filter "label=com.docker.compose.service=$1" | head -n 1
}

# "running healthy", "exited none", "absent none"
service_state() {
  local id
  id=$(service_container "$1")
  [[ -n $id ]] || { say "absent none"; return; }
  docker inspect --format \
    '{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}' "$id" \
    2> /dev/null || say "absent none"
}

services_healthy() {
  local name
  for name in $(services); do
    [[ $(service_state "$name") == "running healthy" ]] || return 1
  done
}

notebooks() { docker ps "$@" --filter label=gpuhub.notebook=1; }

# The network containers that people's servers are in.
cells() { docker ps "$@" --filter label=gpuhub.cell=1; }

# What `up` found out, for Compose: the exported settings and this machine's facts.
# services_write SECRETS ACCESS: as secrets_ensure and gpu_access print them; ACCESS may be empty.
services_write() {
  local fingerprint given driver ids folder target
  read -r fingerprint given <<< "$1"
  read -r driver ids <<< "${2:-none none}"
  read -r folder target <<< "$(login_mount)"
  {
    cat "$CONFIG/compose.env"
    printf "%s='%s'\n" GPUHUB_VERSION "$VERSION" GPUHUB_DOCKER_SOCKET "$(engine_socket)" \
      GPUHUB_HOST_NAME "$(uname -n)" GPUHUB_SETTINGS_HASH "$(settings_hash)" \
      GPUHUB_CERTIFICATE "$fingerprint" GPUHUB_GIVEN "${given:-none}" \
      GPUHUB_GPU_ACCESS "$driver" GPUHUB_GPU_IDS "$ids" \
      GPUHUB_NOTEBOOK_HUB "$(network_hub "$(network_label)")" \
      GPUHUB_NOTEBOOK_PROXY "$(network_proxy "$(network_label)")" \
      GPUHUB_NOTEBOOK_STATUS "$(network_status "$(network_label)")"
    [[ -z $(setting SIMULATE) ]] || printf "%s='%s'\n" GPUHUB_SIM_DEVICES "$(simulation_path)"
    ! local_enabled || printf "%s='%s'\n" GPUHUB_LOCAL_GID "$(local_gid)"
    ! login_enabled || printf "%s='%s'\n" GPUHUB_LOGIN_SOURCE "$(login_source)" \
      GPUHUB_LOGIN_FOLDER "$folder" GPUHUB_LOGIN_TARGET "$target"
  } > "$STATE/compose.env.new"
  mv "$STATE/compose.env.new" "$STATE/compose.env"
  services_overlays "$2" > "$STATE/overlays"
}

services_overlays() {
  if [[ -n $(setting SIMULATE) ]]; then
    say compose.sim.yaml
  elif [[ -n $1 ]]; then
    say compose.gpu.yaml
  fi
  # An absent folder would be made on the host, so only where CDI is at home.
  if [[ $(setting DRIVER) == cdi || $1 == cdi* || -d /etc/cdi || -d /var/run/cdi ]]; then
    say compose.cdi.yaml
  fi
  ! local_enabled || say compose.local.yaml
  ! login_enabled || say compose.login.yaml
}

services_wait() {
  poll "$1" services_healthy && return 0
  local name
  for name in $(services); do
    [[ $(service_state "$name") != "running healthy" ]] || continue
    {
      say "--- $name: $(service_state "$name"); the end of its log:"
      service_log "$name" --tail 25
    } >&3
  done
  fail "the services did not become healthy within $1 s" \
    "the logs above say why; ./gpuhub logs shows all of them, ./gpuhub doctor checks the machine"
}

service_log() {
  local id
  id=$(service_container "$1")
  [[ -n $id ]] || { say "no container"; return 0; }
  docker logs "${@:2}" "$id" 2>&1
}

# port_is_ours PORT: our proxy publishes it, at whatever address; Compose replaces it if need be.
port_is_ours() {
  local id
  id=$(service_container proxy)
  [[ -n $id ]] || return 1
  docker inspect --format '{{json .HostConfig.PortBindings}}' "$id" \
    | grep -qF "\"HostPort\":\"$1\""
}

# The allocator's gpuctl.
gpuctl() { docker exec "$(service_container allocator)" gpuctl "$@"; }
