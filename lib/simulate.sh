# shellcheck shell=bash
# What GPUs the allocator gets: real ones (by what the engine can do) or the simulated machine in
# the volume gpuhub_sim, whose device nodes lie in the volume and never in the host's /dev.

readonly SIM_VOLUME=gpuhub_sim

simulation_ensure() {
  local gpus=$1 model=$2 major
  docker volume inspect "$SIM_VOLUME" > /dev/null 2>&1 \
    || docker volume create --label gpuhub.made=1 "$SIM_VOLUME" > /dev/null
  major=$(free_major) \
    || fail "no number from 240 to 254 is free for simulated GPUs (/proc/devices)" \
      "unload a driver that takes one"
  docker run --rm --network none --user 0:0 --cap-drop ALL --cap-add MKNOD \
    --mount "type=volume,source=$SIM_VOLUME,target=/sim" "$(image_name allocator)" \
    nvml_sim_ctl init /sim --gpus "$gpus" --model "$model" --major "$major" \
    --host-number "$(host_number "$(uname -n)")" --library /opt/nvml_sim/libnvidia-ml.so.1
}

# From the host's name, so that made-up UUIDs of two hosts differ and stay the same.
host_number() { printf '%d\n' "0x$(printf '%s' "$1" | sha256sum | cut -c 1-4)"; }

simulation_path() { docker volume inspect --format '{{.Mountpoint}}' "$SIM_VOLUME"; }

# How this engine hands out real GPUs: tried, because nothing it says tells for sure.
# Prints "cdi nvidia.com/gpu=all" or "nvidia all"; fails if neither works.
gpu_access() {
  local run=(docker run --rm --network none --cap-drop ALL)
  if "${run[@]}" --device nvidia.com/gpu=all "$(image_name allocator)" true > /dev/null 2>&1; then
    say "cdi nvidia.com/gpu=all"
  elif "${run[@]}" --gpus all "$(image_name allocator)" true > /dev/null 2>&1; then
    say "nvidia all"
  else
    return 1
  fi
}

driver_works() {
  [[ -e /proc/driver/nvidia/version ]] && has nvidia-smi && nvidia-smi -L > /dev/null 2>&1
}

toolkit_there() { has nvidia-ctk || has nvidia-container-runtime-hook; }

# gpu_remedy: ends with why the real GPUs cannot be used.
gpu_remedy() {
  local cards
  cards=$(nvidia_cards)
  if [[ -z $cards ]]; then
    fail "gpuhub.toml asks for real GPUs, but there is no NVIDIA card on the PCI bus" \
      "./gpuhub up --simulate 4   (made-up GPUs), or source = \"listed\" in [gpus]"
  elif ! driver_works; then
    fail "an NVIDIA card is there (PCI ${cards//$'\n'/, }), but its driver does not work" \
      "install the distribution's package nvidia-driver, reboot, see that nvidia-smi lists the card
(or play with made-up GPUs: ./gpuhub up --simulate 4)"
  elif ! toolkit_there; then
    fail "NVIDIA's container toolkit is not installed" \
      "install nvidia-container-toolkit (see docs/install.md), then:
sudo nvidia-ctk runtime configure && sudo systemctl restart docker"
  else
    fail "the engine cannot hand out the GPUs, though driver and toolkit are there" \
      "sudo nvidia-ctk runtime configure && sudo systemctl restart docker
or, for engines from 25: sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"
  fi
}

# gpus_check [SIMULATE]: before anything is built: a card that cannot work is an error, not a
# reason to simulate.
gpus_check() {
  [[ -z ${1:-} && ! -e $SETTINGS && -n $(nvidia_cards) ]] || return 0
  driver_works || gpu_remedy
  toolkit_there || [[ -n $(cdi_specs) ]] || gpu_remedy
}

cdi_specs() {
  local -a found=(/etc/cdi/*.yaml /etc/cdi/*.json /var/run/cdi/*.yaml /var/run/cdi/*.json)
  [[ ${#found[@]} -eq 0 ]] || printf '%s\n' "${found[@]}"
}
