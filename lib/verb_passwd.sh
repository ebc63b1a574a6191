# shellcheck shell=bash
# gpuhub passwd NAME: sets the password of an account of the hub's own (method = "native"); makes
# the account if there is none. A line from a pipe is taken as it is, on a terminal it asks twice.

verb_passwd() {
  local name secret again
  name=$(name_given passwd "$@")
  hub_python_ready
  [[ $(setting AUTH_METHOD) == native ]] \
    || fail "people do not log in with accounts of the hub's own here" \
      'that is method = "native" in [auth] of gpuhub.toml; others change passwords where they are'
  secret=$(ask_secret "New password of $name: ")
  if [[ -t 0 ]]; then
    again=$(ask_secret "Once more: ")
    [[ $secret == "$again" ]] || fail "these are two passwords" "./gpuhub passwd $name"
  fi
  trap - ERR
  hub_python passwd "$name" <<< "$secret"
}
