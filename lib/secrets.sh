# shellcheck shell=bash
# The volumes, and the secrets in three of them: made once, kept, readable by their service only.

# All volumes are made here and `external` to Compose, so that no Compose command removes data.
readonly VOLUMES=(ledger run-admin run-hub run-idle run-login hub-data secrets-hub secrets-proxy
  secrets-status)

volumes_ensure() {
  local name
  for name in "${VOLUMES[@]}"; do
    docker volume inspect "gpuhub_$name" > /dev/null 2>&1 \
      || docker volume create --label gpuhub.made=1 "gpuhub_$name" > /dev/null
  done
}

# Prints "FINGERPRINT GIVEN": of the certificate in use, or "none"; a keyed hash of the secrets that
# gpuhub.toml names, or "none".
secrets_ensure() { secrets_given | secrets_make "$(setting TLS)"; }

# A tar of the files on the host that gpuhub.toml names. Never in an argument or a variable.
secrets_given() {
  local dir
  dir=$(mktemp -d)
  (
    umask 077
    [[ $(setting TLS) != files ]] || {
      cat "$(setting TLS_CERT)" > "$dir/tls.crt"
      cat "$(setting TLS_KEY)" > "$dir/tls.key"
    }
    secret_into DIRECTORY_PASSWORD_FILE "$dir/directory_password"
    secret_into OIDC_SECRET_FILE "$dir/oidc_client_secret"
  )
  tar -C "$dir" -c .
  rm -rf "$dir"
}

secret_into() { [[ -z $(setting "$1") ]] || cat "$(setting "$1")" > "$2"; }

secrets_make() {
  local -a names=()
  mapfile -t names < <(certificate_names "$(setting ADDRESS)")
  docker run --rm -i --network none --user 0:0 --cap-drop ALL --cap-add CHOWN \
    --cap-add DAC_OVERRIDE --cap-add FOWNER \
    --mount type=volume,source=gpuhub_secrets-hub,target=/hub \
    --mount type=volume,source=gpuhub_secrets-proxy,target=/proxy \
    --mount type=volume,source=gpuhub_secrets-status,target=/status \
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

# Ends with a failure if a file that gpuhub.toml names cannot be used.
given_check() {
  local key
  for key in TLS_CERT TLS_KEY DIRECTORY_PASSWORD_FILE DIRECTORY_CA_FILE OIDC_SECRET_FILE \
    OIDC_CA_FILE NOTEBOOK_CA_FILE; do
    [[ -n $(setting "$key") ]] || continue
    [[ -r $(setting "$key") && -f $(setting "$key") ]] \
      || fail "$(setting "$key") (gpuhub.toml) is not there, or cannot be read by $(id -un)" \
        "correct the path, or run this as a user who may read it (sudo)"
    [[ -s $(setting "$key") ]] || fail "$(setting "$key") (gpuhub.toml) is empty" "fill it"
  done
}

# Certificate authorities that gpuhub.toml names, where the hub reads them.
authorities_export() {
  local name key
  for name in directory oidc notebook; do
    key=${name^^}_CA_FILE
    rm -f "$CONFIG/$name-ca.pem"
    [[ -z $(setting "$key") ]] || cp "$(setting "$key")" "$CONFIG/$name-ca.pem"
  done
  chmod -R a+rX "$CONFIG"
}
