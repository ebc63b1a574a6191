# shellcheck shell=bash
# Facts about this machine. Reads only. The files read are arguments, so that tests can give others.

is_root() { [[ $EUID -eq 0 ]]; }
has() { command -v "$1" > /dev/null 2>&1; }
has_systemd() { [[ -d /run/systemd/system ]]; }

# What Compose substitutes comes from our files only, never from the caller's environment; what
# people may set there is kept.
own_variables() {
  local name
  for name in "${!GPUHUB_@}"; do
    [[ $name == GPUHUB_DEBIAN_MIRROR ]] || unset "$name"
  done
}

# host_release [OS_RELEASE]: "debian 13 trixie", "ubuntu 24.04 noble".
host_release() {
  awk -F = '{ gsub(/"/, "", $2); value[$1] = $2 }
    END { print value["ID"], value["VERSION_ID"], value["VERSION_CODENAME"] }' \
    "${1:-/etc/os-release}"
}

# NVIDIA display or 3D controllers on the PCI bus, one address each line.
nvidia_cards() {
  local card
  for card in "${1:-/sys/bus/pci/devices}"/*; do
    [[ -r $card/vendor && -r $card/class ]] || continue
    [[ $(< "$card/vendor") == 0x10de && $(< "$card/class") == 0x03* ]] || continue
    printf '%s\n' "${card##*/}"
  done
}

# A number free for made-up character devices, lowest first: the kernel hands its own out from
# the top.
free_major() {
  local used major
  used=" $(awk '/^Block/ {exit} $1 ~ /^[0-9]+$/ {printf "%s ", $1}' "${1:-/proc/devices}")"
  for major in {240..254}; do
    [[ $used == *" $major "* ]] || { printf '%s\n' "$major"; return 0; }
  done
  return 1
}

# The host's trusted certificates with its extra ones, if it has extra ones; else nothing.
extra_cas() {
  local -a extra=("${1:-/usr/local/share/ca-certificates}"/*.crt)
  local own=${2:-/etc/ssl/certs/ca-certificates.crt}
  [[ ${#extra[@]} -gt 0 ]] || return 0
  [[ ! -r $own ]] || cat "$own"
  cat "${extra[@]}"
}

is_loopback() { [[ $1 == 127.* || $1 == ::1 || $1 == localhost ]]; }

is_everywhere() { [[ $1 == 0.0.0.0 || $1 == :: ]]; }

# The machine's addresses that others can use. Left out: bridges of containers, which come and go,
# and IPv6 addresses made up for a while.
host_addresses() {
  has ip || return 0
  ip -o addr show scope global \
    | awk '$2 !~ /^(docker|br-|veth|virbr|cni|podman)/ && !/ (temporary|deprecated|tentative) / {
        sub(/\/.*/, "", $4)
        print $4
      }' | sort -u
}

# own_addresses [FIB_TRIE] [IF_INET6]: all addresses of this machine, those of bridges too, but for
# loopback and link-local ones; from the kernel, since `ip` may be missing.
own_addresses() {
  {
    awk '/\|-- / { address = $2 } /host LOCAL/ { print address }' "${1:-/proc/net/fib_trie}"
    # An old kernel, or IPv6 switched off: no such file.
    [[ ! -r ${2:-/proc/net/if_inet6} ]] \
      || awk '$4 == "00" { gsub(/..../, "&:", $1); print substr($1, 1, 39) }' \
        "${2:-/proc/net/if_inet6}"
  } | grep -v '^127\.' | sort -u
}

# Somebody listens there (0.0.0.0 and :: are asked at their loopback addresses).
port_answers() {
  local address=$1
  case $address in 0.0.0.0) address=127.0.0.1 ;; ::) address=::1 ;; esac
  # shellcheck disable=SC2016  # the inner shell expands its own arguments
  timeout 2 bash -c 'exec 4<> "/dev/tcp/$0/$1"' "$address" "$2" 2> /dev/null
}

# A new machine often updates itself just then: that is waited for, five minutes at most.
install_packages() {
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    -o DPkg::Lock::Timeout=300 "$@"
}
