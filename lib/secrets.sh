# shellcheck shell=bash
# The volumes, and the secrets in two of them: made once, kept, readable by their service only.

# All volumes are made here and `external` to Compose, so that no Compose command removes data.
readonly VOLUMES=(ledger run-admin run-hub hub-data secrets-hub secrets-proxy)

volumes_ensure() {
  local name
  for name in "${VOLUMES[@]}"; do
    docker volume inspect "gpuhub_$name" > /dev/null 2>&1 \
      || docker volume create --label gpuhub.made=1 "gpuhub_$name" > /dev/null
  done
}

# Prints the fingerprint of the certificate in use, or "none".
secrets_ensure() {
  local tls
  tls=$(setting TLS)
  if [[ $tls == files ]]; then
    certificate_files | secrets_make files
  else
    secrets_make "$tls" < /dev/null
  fi
}

secrets_make() {
  local -a names=()
  mapfile -t names < <(certificate_names "$(setting ADDRESS)")
  docker run --rm -i --network none --user 0:0 --cap-drop ALL --cap-add CHOWN \
    --cap-add DAC_OVERRIDE --cap-add FOWNER \
    --mount type=volume,source=gpuhub_secrets-hub,target=/hub \
    --mount type=volume,source=gpuhub_secrets-proxy,target=/proxy \
    "$(image_name proxy)" make-secrets "$1" "${names[@]}"
}

# certificate_names ADDRESS: what people may write in front of the port, one per line. All of the
# machine's addresses only if the hub listens at all: a change means a new self-signed certificate.
certificate_names() {
  local name
  if is_everywhere "$1"; then host_addresses; else say "$1"; fi
  name=$(uname -n)
  if [[ $name =~ ^[A-Za-z0-9._-]+$ && $name != "$1" ]]; then say "$name"; fi
  if is_loopback "$1" && [[ $1 != localhost ]]; then say localhost; fi
}

# Ends with a failure if a file that [tls] names cannot be used.
certificate_check() {
  local key
  [[ $(setting TLS) == files ]] || return 0
  for key in TLS_CERT TLS_KEY; do
    [[ -r $(setting "$key") ]] \
      || fail "$(setting "$key") (gpuhub.toml, [tls]) cannot be read by $(id -un)" \
        "correct the path, or run this as a user who may read it (sudo)"
  done
}

certificate_files() {
  local dir
  dir=$(mktemp -d)
  (
    umask 077
    cat "$(setting TLS_CERT)" > "$dir/tls.crt"
    cat "$(setting TLS_KEY)" > "$dir/tls.key"
  )
  tar -C "$dir" -c tls.crt tls.key
  rm -rf "$dir"
}
