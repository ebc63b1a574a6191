#!/usr/bin/env bash
# Records anew what the engine of a test host says of containers, for the unit tests:
#   allocator/tests/runtime/record.sh [OUTDIR]
# Needs the images gpuhub/testhost and debian:trixie-slim on this machine's engine. Removes the
# test hosts it has started. What it leaves, and why: data/README.md.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
version=$(cat "$root/VERSION")
hosts=()
trap '[ ${#hosts[@]} -eq 0 ] || docker rm -f -v "${hosts[@]}" > /dev/null' EXIT
trap 'exit 130' INT TERM

# start_host ACCESS: a test host (docs/testing.md) with the image; its id is in HOST.
start_host() {
  HOST=$(docker run -d --cap-add ALL --cap-drop SYS_RESOURCE \
    --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
    --security-opt systempaths=unconfined --device-cgroup-rule 'a *:* rwm' \
    --tmpfs /run:exec,mode=755 -v /data -e TESTHOST_DATA=/data/host \
    -e "TESTHOST_GPU_ACCESS=$1" "gpuhub/testhost:$version")
  hosts+=("$HOST")
  in_host await 60 docker version
  docker save debian:trixie-slim | docker exec -i "$HOST" docker load > /dev/null
}

# in_host FUNCTION [ARGUMENT…]: runs a function of this file in the host.
in_host() {
  { declare -f && echo 'set -euo pipefail' && printf '%q ' "$@"; } |
    docker exec -i "$HOST" bash -s
}

# ---- in the test host ----

await() { # seconds, command: until it succeeds
  local deadline=$((SECONDS + $1))
  shift
  until "$@" > /dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || { echo "not within its time: $*" >&2; return 1; }
    sleep 0.05
  done
}

engine() { curl -s --fail-with-body --unix-socket /var/run/docker.sock "http://engine/v1.45$1"; }

# make VERB NAME [FLAG…] -- [COMMAND…]; no network: its events would only push others out.
make() {
  local verb=$1 name=$2 flags=()
  shift 2
  while [ "$1" != -- ]; do flags+=("$1") && shift; done
  shift
  docker "$verb" --name "$name" --network none "${flags[@]}" debian:trixie-slim "$@" > /dev/null
}

ours() {
  printf -- '--label %s ' gpuhub.lease=L-rec-1 gpuhub.owner=hub/ana/ gpuhub.gpus=GPU-1 \
    gpuhub.mode=exclusive gpuhub.epoch=rec other=x
}

told() { grep -q "\"Action\":\"$2.*\"name\":\"$1\"" /run/events; } # name, action
state_is() { [ "$(docker inspect -f '{{.State.Status}}' "$1")" = "$2" ]; }
fell_often() {
  [ "$(docker inspect -f '{{.RestartCount}}' "$1")" -ge 4 ] && state_is "$1" restarting
}

inspect() { # name: without what tells of this host only
  engine "/containers/$1/json" | jq -c 'del(.GraphDriver, .NetworkSettings, .ResolvConfPath,
    .HostnamePath, .HostsPath, .LogPath, .AppArmorProfile, .HostConfig.MaskedPaths,
    .HostConfig.ReadonlyPaths)'
}

# One life after the other, each container with a name that says what happens to it.
live() {
  # shellcheck disable=SC2046  # words
  make run life-ours -d $(ours) -- sleep 1000
  docker exec life-ours true
  docker pause life-ours && docker unpause life-ours
  docker kill -s WINCH life-ours
  docker restart -t 1 life-ours
  docker stop -t 1 life-ours && docker start life-ours
  docker kill life-ours && docker rm life-ours

  make run life-other -d --health-cmd true --health-interval 0.3s -- sleep 1000
  await 20 told life-other health_status
  docker rename life-other life-renamed
  docker top life-renamed && docker update --cpus 1 life-renamed
  docker rm -f life-renamed

  # shellcheck disable=SC2046
  make run auto-ours --rm $(ours) -- sh -c 'exit 3' || true
  make run auto-other --rm -- sh -c 'exit 4' || true
  # shellcheck disable=SC2046
  make run oom-ours -m 16m --memory-swap 16m $(ours) -- \
    sh -c 'x=$(head -c 200000000 /dev/zero | tr "\\0" x)' || true
  make create bad-other -- /no/such/command
  docker start bad-other || true
  make run bad-auto --rm --device nvidia.com/gpu=none-such -- true || true
}

# What happens to those that wait for their restart, and what the list says meanwhile.
crash() {
  # shellcheck disable=SC2046
  make create created-ours $(ours) -- true
  make create created-other -- true
  make run paused-other -d -- sleep 1000
  docker pause paused-other
  local name
  for name in stopped killed removed; do
    make run "crash-$name" -d --restart always -- sh -c 'exit 7'
    await 60 fell_often "crash-$name"
    if [ "$name" = stopped ]; then
      engine /containers/json | jq -c 'map(del(.NetworkSettings))' > /run/list-running.json
      engine '/containers/json?all=1&filters=%7B%22label%22%3A%5B%22gpuhub.lease%22%5D%7D' |
        jq -c 'map(del(.NetworkSettings))' > /run/list-ours.json
      inspect crash-stopped >> /run/inspects.jsonl
      docker stop crash-stopped
    fi
    [ "$name" != killed ] || docker kill crash-killed
    [ "$name" != removed ] || docker rm -f crash-removed
  done
  for name in created-ours created-other paused-other oom-ours bad-other crash-stopped; do
    inspect "$name" >> /run/inspects.jsonl
  done
}

record_life() {
  curl -sN --unix-socket /var/run/docker.sock "http://engine/v1.45/events?since=$(date +%s.%N)\
&filters=%7B%22type%22%3A%5B%22container%22%5D%7D" > /run/events &
  : > /run/inspects.jsonl
  live > /dev/null 2>&1
  crash > /dev/null
  docker ps -aq | xargs docker rm -f > /dev/null
  await 20 told paused-other destroy
  await 20 told crash-killed destroy
  kill $!
}

# claim NAME FLAG…: what the engine keeps of the flags. Created only: some cannot start here.
claim() {
  make create "$@" -- true
  inspect "$1" | jq -c '{Id, State, Name, HostConfig, Config} | .HostConfig |=
    with_entries(select(.key | test("^(Annotations|Device|Privileged|Runtime)")))' \
    >> /run/claims.jsonl
}

info() {
  engine /info | jq -c '{ServerVersion, CDISpecDirs, Runtimes, DefaultRuntime} |
    .Runtimes |= map_values({path})'
}

record_claims_cdi() {
  : > /run/claims.jsonl
  local first=GPU-51d00000-0000-4000-8000-000100000000
  claim nothing
  claim cdi-one --device "nvidia.com/gpu=$first"
  claim cdi-all --device nvidia.com/gpu=all
  claim gpus-2 --gpus 2
  claim gpus-all --gpus all
  claim gpus-by-index --gpus '"device=0,2"'
  claim gpus-to-watch --gpus 'all,"capabilities=utility"'
  claim gpus-to-compute --gpus 'driver=nvidia,count=1,"capabilities=utility,compute"'
  claim nodes --device /dev/nvidia0 --device /dev/nvidia3:/dev/nvidia0:rw --device /dev/null
  claim folder --device /dev
  claim rule --device-cgroup-rule 'c 195:* rwm'
  claim privileged --privileged
  claim annotation --annotation cdi.k8s.io/app=nvidia.com/gpu=1
  claim env-without-the-runtime -e NVIDIA_VISIBLE_DEVICES=all
}

record_claims_nvidia() { # the runtime `nvidia` is this engine's default
  : > /run/claims.jsonl
  claim runtime-nothing
  claim env-all -e NVIDIA_VISIBLE_DEVICES=all
  claim env-to-watch -e NVIDIA_VISIBLE_DEVICES=all -e NVIDIA_DRIVER_CAPABILITIES=utility
  claim env-by-index -e NVIDIA_VISIBLE_DEVICES=0,1
  claim env-void -e NVIDIA_VISIBLE_DEVICES=void
  claim env-under-runc --runtime runc -e NVIDIA_VISIBLE_DEVICES=all
  claim env-and-gpus -e NVIDIA_VISIBLE_DEVICES=all --gpus '"device=1"'
  claim runtime-annotation --annotation cdi.k8s.io/app=nvidia.com/gpu=1,nvidia.com/gpu=2
}

fetch() { docker exec "$HOST" cat "/run/$1"; }

main() {
  local out=${1:-$root/allocator/tests/runtime/data/26.1}
  mkdir -p "$out"
  start_host cdi
  in_host record_life
  in_host record_claims_cdi
  fetch events > "$out/events.jsonl"
  local name
  for name in inspects.jsonl list-running.json list-ours.json; do
    fetch "$name" > "$out/$name"
  done
  in_host engine /version > "$out/version.json"
  in_host info > "$out/info-cdi.json"
  fetch claims.jsonl > "$out/claims.jsonl"
  start_host nvidia
  in_host record_claims_nvidia
  fetch claims.jsonl >> "$out/claims.jsonl"
  in_host info > "$out/info-nvidia.json"
}

main "$@"
