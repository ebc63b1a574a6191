# shellcheck shell=bash
# BuildKit (buildx) and Compose v2: the host's if they work, else those of the image gpuhub/tools,
# which talks to the host's engine. There the checkout has its own absolute path, because binds
# in compose.yaml are resolved by the engine, not by the container.

readonly TOOLS_IMAGE=gpuhub/tools:$VERSION
readonly COMPOSE_OLDEST=2.20

# version_at_least HAVE OLDEST
version_at_least() { [[ $(printf '%s\n%s\n' "$2" "${1#v}" | sort -V | head -n 1) == "$2" ]]; }

host_has_buildx() { docker buildx version > /dev/null 2>&1; }

host_has_compose() {
  local have
  have=$(docker compose version --short 2> /dev/null) && version_at_least "$have" "$COMPOSE_OLDEST"
}

tools_needed() { ! host_has_buildx || ! host_has_compose; }

tools_ensure() {
  tools_needed || return 0
  local inputs
  inputs=$(image_inputs tools)
  ! image_is_current "$TOOLS_IMAGE" "$inputs" || return 0
  base_ensure
  step image-tools "image gpuhub/tools (Compose and BuildKit, which this host lacks)" \
    tools_build "$inputs"
}

# By the engine's old builder, which needs nothing but the engine.
tools_build() {
  local -a args=()
  mapfile -t args < <(proxy_args)
  DOCKER_BUILDKIT=0 docker build "${args[@]}" --label "gpuhub.inputs=$1" \
    --label "gpuhub.base-id=$(image_id "$BASE")" --tag "$TOOLS_IMAGE" \
    "$ROOT/images/tools"
}

tools_run() {
  docker run --rm -i --init --network none --label gpuhub.tools=1 \
    --mount "type=bind,source=$(engine_socket),target=/var/run/docker.sock" \
    --mount "type=bind,source=$ROOT,target=$ROOT" --workdir "$ROOT" "$TOOLS_IMAGE" "$@"
}

buildx() {
  if host_has_buildx; then docker buildx "$@"; else tools_run docker buildx "$@"; fi
}

# compose ARGS…: with our files, project and variables.
compose() {
  local -a files=(--file compose.yaml) overlays=()
  local overlay
  [[ ! -r $STATE/overlays ]] || mapfile -t overlays < "$STATE/overlays"
  for overlay in "${overlays[@]}"; do files+=(--file "$overlay"); done
  local -a command=(docker compose --project-name gpuhub --project-directory "$ROOT"
    --env-file "$STATE/compose.env" "${files[@]}" "$@")
  if host_has_compose; then (cd "$ROOT" && "${command[@]}"); else tools_run "${command[@]}"; fi
}
