# shellcheck shell=bash
# doctor's look at the directory, or the OpenID provider, that people's passwords are checked by.
# The hub's own program does it, with the settings that `up` put into force, and prints our lines.

doctor_directory() {
  local lines
  case $(setting AUTH_METHOD) in
    ldap | freeipa | ad | oidc) ;;
    *) return 0 ;;
  esac
  if ! docker image inspect "$(image_name hub)" > /dev/null 2>&1; then
    note directory "cannot be asked before the images are built (./gpuhub build)"
    return 0
  fi
  lines=$(hub_python directory_check < /dev/null 2>&1) || true
  if ! grep -qE '^(ok|WRONG) ' <<< "$lines"; then
    wrong directory "the hub's program could not look at it" "${lines:-it said nothing}"
    return 0
  fi
  say "$lines"
  DOCTOR_WRONG=$((DOCTOR_WRONG + $(grep -c '^WRONG ' <<< "$lines" || true)))
}
