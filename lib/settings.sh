# shellcheck shell=bash
# gpuhub.toml: written once, checked by its one reader (gpu-allocator), exported for Compose and
# the hub.

readonly SETTINGS=$ROOT/gpuhub.toml
readonly CONFIG=$STATE/config

# settings_text GPUS: the commented file; GPUS > 0 adds the simulated machine. The template is the
# reader's own, so that its tests hold both together.
settings_text() {
  local text admin simulation=''
  text=$(< "$ROOT/allocator/src/config/template.toml")
  admin=$(first_admin)
  [[ $1 -eq 0 ]] || simulation=$(simulation_text "$1")$'\n\n'
  text=${text//@VERSION@/$VERSION}
  text=${text//@ADMINS@/${admin:+"\"$admin\""}}
  printf '%s\n' "${text//@SIMULATION@/$simulation}"
}

# Who ran the first `up` by sudo.
first_admin() {
  [[ ${SUDO_USER:-root} == root || ! $SUDO_USER =~ ^[a-z_][a-z0-9_.-]*$ ]] || say "$SUDO_USER"
}

simulation_text() {
  printf '%s\n' "# Simulated GPUs, because this machine had none at the first \`up\`." \
    "# Remove this section once it has real ones." "[simulation]" \
    "gpus = $1                     # 1 to 16" \
    'model = "A100-40G"           # A100-40G, H100-80G, RTX-4090'
}

# settings_simulate FILE GPUS: prints FILE with that number of simulated GPUs, all else unchanged.
settings_simulate() {
  awk -v gpus="$2" '
    /^[[:space:]]*\[/ { inside = ($0 ~ /^[[:space:]]*\[[[:space:]]*simulation[[:space:]]*\]/) }
    inside && /^[[:space:]]*\[/ { seen = 1 }
    inside && /^[[:space:]]*gpus[[:space:]]*=/ {
      sub(/=[[:space:]]*[^#[:space:]]*/, "= " gpus)
      done = 1
    }
    { print }
    END {
      if (!seen) printf "\n[simulation]\ngpus = %s\nmodel = \"A100-40G\"\n", gpus
      else if (!done) exit 65
    }' "$1"
}

# settings_ensure [SIMULATE]: writes the file if it is absent; puts SIMULATE into it if given.
settings_ensure() {
  local wanted=${1:-} text cards
  if [[ ! -e $SETTINGS ]]; then
    cards=$(nvidia_cards)
    if [[ -z $wanted && -z $cards ]]; then
      wanted=4
      say "No NVIDIA GPU on this machine: simulating four (--simulate N chooses; see gpuhub.toml)."
    fi
    settings_text "${wanted:-0}" > "$SETTINGS.new"
    sha256sum < "$SETTINGS.new" > "$STATE/written"
    mv "$SETTINGS.new" "$SETTINGS"
    say "Wrote gpuhub.toml: the one configuration, with comments."
  elif [[ -n $wanted ]]; then
    text=$(settings_simulate "$SETTINGS" "$wanted") \
      || fail "[simulation] in gpuhub.toml has no line with gpus" "write: gpus = $wanted"
    [[ $text == "$(< "$SETTINGS")" ]] || printf '%s\n' "$text" > "$SETTINGS"
  fi
}

# settings_reader MOUNTS… -- ARGS…: gpu-allocator with the file at its own path, so that its
# errors name the host's file.
settings_reader() {
  local -a mounts=(--mount "type=bind,source=$SETTINGS,target=$SETTINGS,readonly")
  local -a powers=(--cap-drop ALL --user "$(id -u):$(id -g)")
  # As on the host, root may read and write in a checkout that is somebody else's (sudo).
  ! is_root || powers+=(--cap-add DAC_OVERRIDE)
  while [[ $1 != -- ]]; do
    mounts+=(--mount "$1")
    shift
  done
  docker run --rm --network none --read-only "${powers[@]}" "${mounts[@]}" \
    "$(image_name allocator)" gpu-allocator --config "$SETTINGS" "${@:2}"
}

# The reader's complaints are for people: shown as they are. Nothing was started yet.
settings_check() {
  local complaint
  complaint=$(settings_reader -- --check-config 2>&1) && return 0
  printf '%s\n' "$complaint" >&3
  fail "gpuhub.toml is not good; nothing was changed" "correct the lines above, then: ./gpuhub up"
}

# The checked file and what the hub and Compose need of it. Each is replaced as a whole.
settings_export() {
  mkdir -p "$CONFIG"
  settings_reader "type=bind,source=$CONFIG,target=/export" -- --export /export > /dev/null
  cp "$SETTINGS" "$CONFIG/gpuhub.toml.new"
  mv "$CONFIG/gpuhub.toml.new" "$CONFIG/gpuhub.toml"
  settings_hub_d
  chmod -R a+rX "$CONFIG"
}

# An admin's own traits for the hub, if there are any.
settings_hub_d() {
  local -a own=("$ROOT"/hub.d/*.py)
  rm -rf "$CONFIG/hub.d"
  [[ ${#own[@]} -gt 0 ]] || return 0
  mkdir "$CONFIG/hub.d"
  cp "${own[@]}" "$CONFIG/hub.d/"
}

# setting NAME [FILE]: one value of what was exported; empty if there is none.
setting() {
  local file=${2:-$CONFIG/compose.env} value
  [[ -r $file ]] || return 0
  value=$(sed -n "s/^GPUHUB_$1=//p" "$file" | tail -n 1)
  if [[ $value == \'*\' || $value == \"*\" ]]; then value=${value:1:-1}; fi
  printf '%s\n' "$value"
}

# What people open. Who listens at all addresses is reached by the machine's name.
public_url() {
  local url name
  url=$(setting PUBLIC_URL)
  name=$(uname -n)
  url=${url/"//0.0.0.0:"/"//$name:"}
  say "${url/"//[::]:"/"//$name:"}"
}

# Where people find the hub, in words. An address behind a reverse proxy is for that proxy only.
public_place() {
  local url
  url=$(public_url)
  [[ $(setting TLS) != behind_proxy ]] || url="your reverse proxy, which passes on to $url"
  say "$url"
}

settings_hash() {
  local -a own=("$CONFIG"/hub.d/*.py "$CONFIG"/*.pem)
  cat "$CONFIG/gpuhub.toml" "$CONFIG/hub.json" "${own[@]}" | sha256sum | cut -c 1-16
}

admins() {
  tr -d '\n' < "$CONFIG/hub.json" | sed -n 's/.*"admins" *: *\[\([^]]*\)\].*/\1/p' | tr -d '"' \
    | sed 's/, */, /g'
}
