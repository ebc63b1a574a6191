# shellcheck shell=bash
# gpuhub down: stops the services; nothing stored is lost and people's notebooks go on.
# gpuhub down --all: no trace left, people's files included, after a confirmation.

verb_down() {
  local all='' yes=''
  while [[ $# -gt 0 ]]; do
    case $1 in
      --all) all=1 ;;
      --yes) yes=1 ;;
      --verbose) VERBOSE=1 ;;
      *) fail "down knows no $1" "./gpuhub down [--all [--yes]]" ;;
    esac
    shift
  done
  lock_state
  case $(engine_state) in
    ok) ;;
    down | no-client)
      [[ -z $all ]] || fail "no container engine answers, so what it holds cannot be removed" \
        "start it, then again"
      say "No container engine answers: nothing runs."
      return
      ;;
    *) fail "the engine refuses $(id -un)" "sudo ./gpuhub down" ;;
  esac
  if [[ -n $all ]]; then down_all "$yes"; else down_services; fi
}

# Status, then hub: neither must see what it leans on go.
down_services() {
  local name id running
  for name in status hub login proxy allocator; do
    id=$(service_container "$name")
    [[ -z $id ]] || step "down-$name" "stopping $name" down_container "$id"
  done
  docker ps -aq --filter label=com.docker.compose.project=gpuhub | down_each docker rm -f
  docker network ls -q --filter label=com.docker.compose.project=gpuhub \
    | down_each docker network rm
  stray_cells | down_each docker rm -f -v
  running=$(notebooks -q | wc -l)
  say "gpuhub is down. Data, settings and images are kept; ./gpuhub up brings it back."
  [[ $running -eq 0 ]] \
    || say "People's notebooks go on: $running. They keep their GPUs (--all would remove them)."
}

# Those that no notebook uses, whether it runs or not.
stray_cells() {
  local used
  used=$(notebooks -aq | while read -r id; do
    docker inspect --format '{{.HostConfig.NetworkMode}}' "$id"
  done)
  cells -aq --no-trunc | while read -r id; do
    [[ $used == *"container:$id"* ]] || say "$id"
  done
}

down_container() {
  docker stop --time 30 "$1"
  docker rm "$1"
}

# down_each COMMAND…: once per line of standard input.
down_each() {
  local item
  while read -r item; do "$@" "$item" > /dev/null; done
}

our_networks() { docker network ls --format '{{.Name}}' | grep '^gpuhub_' || true; }
our_volumes() { docker volume ls --format '{{.Name}}' | grep -E '^gpuhub(_|-home-|-e2e-)' || true; }
home_volumes() { docker volume ls --format '{{.Name}}' | grep '^gpuhub-home-' || true; }

down_all() {
  down_confirm "$1"
  notebooks -aq | down_each docker rm -f -v
  cells -aq | down_each docker rm -f -v
  down_services > /dev/null
  docker ps -aq --filter label=gpuhub.tools=1 | down_each docker rm -f
  our_networks | down_each docker network rm
  our_volumes | down_each docker volume rm
  local_remove
  down_images
  down_files
  if engine_is_ours; then
    step engine-stop "stopping the dockerd that ./gpuhub started" engine_stop_ours
  fi
  engine_log_remove
  rm -rf "$STATE"
  say "Nothing of gpuhub is left but this checkout." \
    "Not removed: installed packages (docker.io), the engine's build cache (docker builder prune)."
}

down_confirm() {
  local homes answer
  homes=$(home_volumes | wc -l)
  say "This removes for good:" \
    "  - $(notebooks -q | wc -l) running notebooks" \
    "  - the files of $homes people (volumes gpuhub-home-*)" \
    "  - who holds what, the hub's database, secrets and certificate" \
    "  - images and generated files; gpuhub.toml only if nobody has changed it"
  [[ -z $1 ]] || return 0
  [[ -t 0 ]] || fail "not confirmed" "./gpuhub down --all --yes"
  read -r -p 'Type "remove" to go on: ' answer
  [[ $answer == remove ]] \
    || fail "not confirmed; nothing was removed" "type the word remove, or add --yes"
}

# Those that carry our label; the base only if we made it.
down_images() {
  docker image ls -q --filter 'reference=gpuhub/*' --filter label=gpuhub.inputs | sort -u \
    | down_each docker image rm -f
  docker image ls -q --filter dangling=true --filter label=gpuhub.inputs | sort -u \
    | down_each docker image rm -f
  if [[ -n $(docker image ls -q --filter "reference=$BASE" --filter "label=$BASE_LABEL") ]]; then
    docker image rm "$BASE" > /dev/null || warn "$BASE stays: other images use it"
  fi
}

# A gpuhub.toml that a person has changed is theirs.
down_files() {
  local written=$STATE/written
  if [[ -e $SETTINGS && -r $written && $(sha256sum < "$SETTINGS") == "$(< "$written")" ]]; then
    rm -f "$SETTINGS"
  elif [[ -e $SETTINGS ]]; then
    say "gpuhub.toml stays: it is not as ./gpuhub wrote it."
  fi
}
