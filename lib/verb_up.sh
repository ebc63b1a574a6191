# shellcheck shell=bash
# gpuhub up: from whatever is there to a hub that people can log in to. Checks first, then changes;
# every step leaves alone what is already right.

readonly HEALTHY_WITHIN=180  # seconds

verb_up() {
  local simulate='' start=$SECONDS
  while [[ $# -gt 0 ]]; do
    case $1 in
      --simulate)
        [[ ${2:-} =~ ^([1-9]|1[0-6])$ ]] || fail "--simulate wants a number of GPUs" "from 1 to 16"
        simulate=$2
        shift
        ;;
      --verbose) VERBOSE=1 ;;
      *) fail "up knows no $1" "./gpuhub up [--simulate N] [--verbose]" ;;
    esac
    shift
  done
  lock_state
  up_check "$simulate"
  engine_ensure
  say "Container engine $(engine_version) at $(engine_socket)."
  image_ensure allocator
  settings_ensure "$simulate"
  settings_check
  up_settings_fit
  image_ensure proxy hub cell
  ! login_enabled || image_ensure login
  up_notebook_images
  up_start
  up_summary $((SECONDS - start))
}

# What can be known before anything is changed.
up_check() {
  [[ $(uname -s) == Linux ]] || fail "gpuhub runs on Linux" "use a Linux machine"
  [[ $ROOT =~ ^[A-Za-z0-9@._/+-]+$ ]] \
    || fail "the path of this checkout has characters that mounts cannot carry" \
      "move it to a path of letters, digits, . _ + @ -"
  has flock || fail "flock is missing" "install util-linux"
  gpus_check "$1"
}

# After the file was read: the address's port, the certificate, real GPUs.
up_settings_fit() {
  local address port
  settings_export
  address=$(setting ADDRESS)
  port=$(setting PORT)
  given_check
  authorities_export
  local_check
  login_check
  if ! port_is_ours "$port" && port_answers "$address" "$port"; then
    fail "something else listens on $address:$port" \
      "stop it, or choose another port in gpuhub.toml, [hub]"
  fi
}

# Ours is built; others must be there or come from a registry.
up_notebook_images() {
  local image
  local -a images=()
  read -ra images <<< "$(setting NOTEBOOK_IMAGE) $(setting NOTEBOOK_IMAGES)"
  for image in "${images[@]}"; do
    if [[ $image == "$(image_name notebook)" ]]; then
      image_ensure notebook
    elif ! docker image inspect "$image" > /dev/null 2>&1; then
      step notebook-pull "pulling $image" docker pull "$image"
    fi
  done
}

up_start() {
  local access='' secrets
  volumes_ensure
  cell_check
  network_ensure
  if [[ -n $(setting SIMULATE) ]]; then
    step simulate "simulated GPUs: $(setting SIMULATE) × $(setting SIM_MODEL)" \
      simulation_ensure "$(setting SIMULATE)" "$(setting SIM_MODEL)"
  elif [[ $(setting SOURCE) == nvml ]]; then
    access=$(gpu_access) || gpu_remedy
  fi
  secrets=$(secrets_ensure) || fail "the secrets or the certificate could not be made ready" \
    "the line above says why"
  services_write "$secrets" "$access"
  tools_ensure
  step compose "starting the services" compose up --detach --remove-orphans --no-build
  network_write "$(network_label)"  # once more: the bridge of Compose's own network is new
  local_enabled || local_remove
  step healthy "waiting until they are healthy" services_wait "$HEALTHY_WITHIN"
}

up_summary() {
  local address port names who=${SUDO_USER:-$(id -un)}
  address=$(setting ADDRESS)
  port=$(setting PORT)
  names=$(admins)
  say "" "gpuhub $VERSION is up ($(elapsed "$1"))."
  say ""
  gpuctl gpus
  say ""
  say "Open     $(public_place)"
  say "Log in   $(up_who)"
  say "Admins   ${names:-none; name them in gpuhub.toml, [hub] admins, then ./gpuhub up}"
  if is_loopback "$address" && [[ $(setting TLS) != behind_proxy ]]; then
    say "From another computer, first: ssh -N -L $port:127.0.0.1:$port $who@$(uname -n)"
  fi
  if engine_is_ours; then
    say "Note     this machine has no systemd: after a reboot run ./gpuhub up"
  fi
}

# Whose accounts people log in with.
up_who() {
  case $(setting AUTH_METHOD) in
    pam) say "with an account of this machine that has a password (not root, no system accounts)" ;;
    sssd) say "with an account of the domain that this machine is enrolled in" ;;
    oidc) say "at the provider that gpuhub.toml names in [auth.oidc]" ;;
    native) say "with an account of the hub's own: ./gpuhub passwd NAME makes one" ;;
    *) say "with an account of the directory; ./gpuhub login-test NAME explains what comes of it" ;;
  esac
}
