# shellcheck shell=bash
# gpuhub doctor: looks at everything that `up` leans on and says what is wrong and what to do.
# Changes nothing. Exits 1 if anything is wrong.

# shellcheck source=/dev/null
source "${BASH_SOURCE[0]%/*}/doctor_directory.sh"

DOCTOR_WRONG=0

good() { printf 'ok     %-16s %s\n' "$1" "$2"; }
note() { printf 'note   %-16s %s\n' "$1" "$2"; }

# wrong NAME WHAT WHAT_TO_DO
wrong() {
  local indent
  indent=$'\n'$(printf '%28s.' '')
  printf 'WRONG  %-16s %s\n%23s do: %s\n' "$1" "$2" '' "${3//$'\n'/"${indent%.}"}"
  DOCTOR_WRONG=$((DOCTOR_WRONG + 1))
}

verb_doctor() {
  [[ $# -eq 0 ]] || fail "doctor takes no $1" "./gpuhub doctor"
  doctor_system
  doctor_accounts
  doctor_cards
  if doctor_engine; then
    doctor_engine_kind
    doctor_disk
    doctor_toolkit
    doctor_settings
    doctor_port
    doctor_services
    doctor_network
    doctor_directory
    doctor_local
  fi
  say ""
  if [[ $DOCTOR_WRONG -gt 0 ]]; then
    say "$DOCTOR_WRONG wrong."
    exit 1
  fi
  say "Nothing is wrong."
}

doctor_system() {
  local kind=v1
  good system "$(host_release), kernel $(uname -r), $(uname -m), $(nproc) cores"
  [[ $(stat -f -c %T /sys/fs/cgroup 2> /dev/null) != cgroup2fs ]] || kind=v2
  good cgroups "$kind"
  if has timedatectl \
    && [[ $(timedatectl show -p NTPSynchronized --value 2> /dev/null) == no ]]; then
    note clock "$(date -u +%FT%TZ), not synchronised: leases' times would be wrong with it"
  else
    good clock "$(date -u +%FT%TZ)"
  fi
}

# Log-in by the host's accounts reads these through the hub's container, as root without powers.
doctor_accounts() {
  local mode file
  for file in /etc/passwd /etc/group /etc/shadow; do
    [[ ! -e $file ]] || continue
    wrong accounts "$file is missing" "people log in with this host's accounts"
    return
  done
  mode=$(stat -c '%a %U' /etc/shadow)
  case $mode in
    [46]*' root') good accounts "/etc is readable; shadow is ${mode/ /, owner }" ;;
    *)
      wrong accounts "/etc/shadow has mode ${mode/ /, owner }: the hub cannot read it" \
        "sudo chmod 640 /etc/shadow"
      ;;
  esac
}

doctor_cards() {
  local cards
  cards=$(nvidia_cards)
  if [[ -z $cards ]]; then
    note GPUs "no NVIDIA card on the PCI bus"
  elif driver_works; then
    good driver "$(nvidia-smi --query-gpu=driver_version --format=csv,noheader | sort -u \
      | paste -sd ' '), $(nvidia-smi -L | wc -l) GPUs"
  elif [[ -e /proc/driver/nvidia/version ]]; then
    wrong driver "the kernel's part is loaded, nvidia-smi fails" "reboot after a driver upgrade"
  else
    wrong driver "NVIDIA cards (${cards//$'\n'/, }) without a driver" \
      "install the distribution's package nvidia-driver, then reboot"
  fi
}

# Fails if nothing else can be looked at.
doctor_engine() {
  case $(engine_state) in
    ok) good engine "$(engine_version) at $(engine_host)" ;;
    denied)
      wrong engine "runs, but $(id -un) may not use it" \
        "sudo usermod -aG docker $(id -un), log in again"
      return 1
      ;;
    no-client)
      wrong engine "no docker command" "sudo ./gpuhub up installs the distribution's docker.io"
      return 1
      ;;
    *)
      wrong engine "does not answer at $(engine_host)" \
        "sudo ./gpuhub up starts it; its log: journalctl -u docker, or $ENGINE_LOG"
      return 1
      ;;
  esac
}

doctor_engine_kind() {
  local options have
  options=$(engine_security)
  if [[ $options == *name=rootless* ]]; then
    wrong rootless "this engine runs rootless: it can neither give devices nor read accounts" \
      "DOCKER_HOST=unix:///var/run/docker.sock ./gpuhub up (the system's engine)"
  elif [[ $options == *name=userns* ]]; then
    wrong userns-remap "this engine remaps users: mounts and devices would belong to nobody" \
      'remove "userns-remap" from /etc/docker/daemon.json, restart the engine'
  else
    good isolation "neither rootless nor userns-remap"
  fi
  version_at_least "$(engine_version)" 20.10 \
    || wrong engine-version "older than 20.10" "upgrade the engine"
  if host_has_compose && host_has_buildx; then
    have="the host's ($(docker compose version --short))"
  else
    have="of image gpuhub/tools (the host lacks one or both)"
  fi
  good compose,buildx "$have"
}

doctor_disk() {
  local place free
  place=$(docker info --format '{{.DockerRootDir}}')
  good storage "$(docker info --format '{{.Driver}}') in $place"
  [[ -d $place ]] || place=/
  free=$(($(df -Pk "$place" | awk 'NR == 2 {print $4}') / 1048576))
  if [[ $free -lt 5 ]]; then
    wrong disk "$free GiB free for the engine ($place)" \
      "make room: docker system df shows what takes it"
  else
    good disk "$free GiB free for the engine ($place)"
  fi
}

doctor_toolkit() {
  local -a found=()
  local specs
  has nvidia-ctk && found+=("nvidia-ctk")
  has nvidia-container-runtime-hook && found+=("nvidia-container-runtime-hook")
  specs=$(cdi_specs)
  [[ -z $specs ]] || found+=("CDI: ${specs//$'\n'/ }")
  if [[ ${#found[@]} -gt 0 ]]; then
    good toolkit "${found[*]}"
  elif [[ -n $(nvidia_cards) ]]; then
    wrong toolkit "not there, so containers cannot get the GPUs" \
      "install nvidia-container-toolkit, then: sudo nvidia-ctk runtime configure
sudo systemctl restart docker"
  else
    note toolkit "not there, and no card that needs it"
  fi
}

doctor_settings() {
  local complaint
  if [[ ! -e $SETTINGS ]]; then
    note gpuhub.toml "not there yet; ./gpuhub up writes it"
  elif ! docker image inspect "$(image_name allocator)" > /dev/null 2>&1; then
    note gpuhub.toml "cannot be checked before the images are built (./gpuhub build)"
  elif complaint=$(settings_reader -- --check-config 2>&1); then
    good gpuhub.toml "is good"
    cmp -s "$SETTINGS" "$CONFIG/gpuhub.toml" \
      || note gpuhub.toml "has changed since the last up: ./gpuhub up puts it into force"
  else
    wrong gpuhub.toml "is not good" "correct this, then ./gpuhub up:
$complaint"
  fi
}

doctor_port() {
  local address port
  address=$(setting ADDRESS)
  port=$(setting PORT)
  [[ -n $port ]] || { note port "not known before the first up"; return; }
  if port_is_ours "$port"; then
    good port "$address:$port is the proxy's"
  elif port_answers "$address" "$port"; then
    wrong port "something else listens on $address:$port" \
      "stop it, or choose another port in gpuhub.toml, [hub]"
  else
    good port "$address:$port is free"
  fi
}

doctor_services() {
  local name state down=0
  for name in "${SERVICES[@]}"; do
    state=$(service_state "$name")
    case $state in
      "running healthy") good "$name" "$state" ;;
      "absent none")
        note "$name" "not started"
        down=$((down + 1))
        ;;
      *) wrong "$name" "$state" "./gpuhub logs $name" ;;
    esac
  done
  [[ $down -eq 0 ]] || note services "./gpuhub up starts them"
  [[ $(service_state allocator) == running* ]] || return 0
  doctor_ready
}

# What /readyz says, in gpuctl's words.
doctor_ready() {
  local words
  if words=$(gpuctl status 2>&1); then
    good ready "${words//$'\n'/; }"
  else
    wrong ready "the allocator is not ready" "${words:-no answer; ./gpuhub logs allocator}"
  fi
}

# People's servers: their network, and that this kernel takes the rules that close it.
doctor_network() {
  local subnet conflict words
  subnet=$(network_label)
  [[ -n $subnet ]] || { note network "people's servers have none before the first up"; return; }
  conflict=$(network_conflict "$subnet" "$(subnets_taken)")
  if [[ -z $conflict ]]; then
    good network "people's servers are in $subnet"
  else
    wrong network "people's servers are in $subnet, which overlaps $conflict" \
      "name a free subnet in gpuhub.toml, [notebook] subnet, stop people's servers, ./gpuhub up"
  fi
  doctor_network_facts
  if words=$(cell_try); then
    good cell "the rules of people's servers can be loaded"
  else
    wrong cell "the rules of people's servers cannot be loaded: ${words:-no word}" "$CELL_REMEDY"
  fi
}

# The rules go by what was noted at the last up. Private addresses are closed anyway.
doctor_network_facts() {
  local each fresh=''
  for each in $(engine_nameservers); do
    network_noted "$each" || {
      wrong addresses "people's servers may not ask the nameserver $each" "./gpuhub up"
      return
    }
  done
  for each in $(own_addresses); do
    if network_noted "$each"; then
      continue
    elif is_private "$each"; then
      fresh=$each
    else
      wrong addresses "$each is this machine's, and people's servers do not know it" "./gpuhub up"
      return
    fi
  done
  if [[ -n $fresh ]]; then
    note addresses "$fresh has come since the last up, which would note it for people's servers"
  else
    good addresses "this machine's and its nameservers are those of the last up"
  fi
}

# The socket for people of this host, where it is wanted.
doctor_local() {
  local group words
  local_enabled || return 0
  group=$(setting LOCAL_GROUP)
  if ! local_gid > /dev/null; then
    wrong local "this machine has no group $group (gpuhub.toml, [local])" \
      "sudo groupadd --system $group, then ./gpuhub up"
  elif [[ $(service_state allocator) != running* ]]; then
    note local "for members of $group, once the allocator runs"
  elif [[ $(stat -c '%a %G' "${LOCAL_SOCKET%/*}" 2> /dev/null) != "2750 $group" ]]; then
    wrong local "${LOCAL_SOCKET%/*} is not there, or not group $group's alone" \
      "./gpuhub compose restart allocator"
  elif words=$(gpuctl --socket "$LOCAL_SOCKET" status 2>&1); then
    good local "$LOCAL_SOCKET answers, for members of $group"
  else
    wrong local "$LOCAL_SOCKET does not answer" "${words:-./gpuhub logs allocator}"
  fi
  doctor_gpuctl
}

# A copy on the host stays as it was when gpuhub is updated. (`gpuctl` alone is our function.)
doctor_gpuctl() {
  local program have
  if ! program=$(type -P gpuctl); then
    note gpuctl "not on PATH: sudo ./gpuhub ctl --install /usr/local/bin/gpuctl"
    return
  fi
  have=$("$program" version 2> /dev/null) || have="of another kind"
  if [[ $have == "gpuctl $VERSION" ]]; then
    good gpuctl "on PATH, of this version"
  else
    wrong gpuctl "the one on PATH is $have, not $VERSION" \
      "sudo ./gpuhub ctl --install $program"
  fi
}
