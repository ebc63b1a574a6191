# shellcheck shell=bash
# The log-in helper: runs only where accounts of this machine, or of its sssd, are what people log
# in with. It alone sees them.

readonly SSS_PIPES=/var/lib/sss/pipes

# "host", "sss", or nothing. Before the first `up` the method is the default one.
login_source() {
  case $(setting AUTH_METHOD) in
    pam | '') say host ;;
    sssd) say sss ;;
  esac
}

login_enabled() { [[ -n $(login_source) ]]; }

# The folder of this machine that the helper sees, and where.
login_mount() {
  case $(login_source) in
    host) say "/etc /host/etc" ;;
    sss) say "$SSS_PIPES $SSS_PIPES" ;;
  esac
}

# login_check [PIPES]: ends with a failure if there is no sssd to ask. Nothing was changed yet.
login_check() {
  [[ $(login_source) == sss ]] || return 0
  [[ -S ${1:-$SSS_PIPES}/nss ]] \
    || fail "there is no sssd on this machine (${1:-$SSS_PIPES}/nss); gpuhub.toml, [auth] method" \
      "enrol the machine in its domain and start sssd, or choose another method"
}

# What the helper says of itself, in its words; fails if it cannot tell anything about anybody.
login_ping() { docker exec "$(service_container login)" gpuhub-login --ping 2>&1; }
