# shellcheck shell=bash
# Programs of the hub's package that look at its settings, or change its data, beside it. Passwords
# go to them by standard input only: never in an argument or a variable of the environment.

# hub_python MODULE ARGS…: in the hub's container while it runs, else in one with the same mounts.
hub_python() {
  if [[ $(service_state hub) == running* ]]; then
    docker exec --interactive "$(service_container hub)" python -m "jupyterhub_gpu.$1" "${@:2}"
    return
  fi
  local -a helper=()
  case $(setting AUTH_METHOD) in
    pam | sssd) helper=(--volume gpuhub_run-login:/run/gpuhub/login) ;;
  esac
  docker run --rm --interactive --cap-drop ALL --security-opt no-new-privileges "${helper[@]}" \
    --mount "type=bind,source=$CONFIG,target=/etc/gpuhub,readonly" \
    --mount type=volume,source=gpuhub_secrets-hub,target=/run/secrets-hub,readonly \
    --mount type=volume,source=gpuhub_hub-data,target=/srv/jupyterhub \
    "$(image_name hub)" python -m "jupyterhub_gpu.$1" "${@:2}"
}

# What hub_python needs: made by `up`.
hub_python_ready() {
  [[ $(engine_state) == ok ]] || fail "no container engine answers" "./gpuhub doctor"
  [[ -r $CONFIG/hub.json ]] || fail "the hub is not set up yet" "./gpuhub up"
  docker image inspect "$(image_name hub)" > /dev/null 2>&1 \
    || fail "the hub's image is not built yet" "./gpuhub up"
}

# ask_secret PROMPT: one line, without echo on a terminal; else read as it comes.
ask_secret() {
  local line=''
  if [[ -t 0 ]]; then
    printf '%s' "$1" >&3
    IFS= read -rs line || true
    printf '\n' >&3
  else
    IFS= read -r line || true
  fi
  printf '%s\n' "$line"
}

# name_given VERB ARGS…: prints the one name; fails for anything else.
name_given() {
  [[ $# -eq 2 && -n $2 && $2 != -* ]] || fail "$1 wants a name" "./gpuhub $1 ana"
  say "$2"
}
