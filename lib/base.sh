# shellcheck shell=bash
# debian:trixie-slim, the base of every image: there, or pulled, or made with debootstrap (root).

readonly BASE=debian:trixie-slim
readonly BASE_LABEL=gpuhub.base

base_there() { docker image inspect "$BASE" > /dev/null 2>&1; }

base_ensure() {
  base_there && return 0
  if base_pull; then return 0; fi
  say "$BASE cannot be pulled from a registry: making it with debootstrap."
  is_root || fail "making $BASE needs root, once" "sudo ./gpuhub build   (then go on as $(id -un))"
  step base "base image $BASE" base_make
}

# A registry that is there begins to deliver within seconds; then it may take its time.
base_pull() {
  local log=$STATE/log/base-pull.log pid
  mkdir -p "$STATE/log"
  timeout 600 docker pull "$BASE" > "$log" 2>&1 < /dev/null &
  pid=$!
  poll 15 base_pull_moves "$log" "$pid" || kill "$pid" 2> /dev/null
  wait "$pid" 2> /dev/null
}

base_pull_moves() {
  ! kill -0 "$2" 2> /dev/null || grep -qE 'Pulling fs layer|Digest:|Status:' "$1"
}

base_make() {
  local dir mirror security
  base_tools
  mirror=$(debian_mirror)
  security=$(debian_mirror -security)
  [[ -n $mirror ]] || fail "which of Debian's package mirrors to use is not known here" \
    "GPUHUB_DEBIAN_MIRROR=http://HOST/debian ./gpuhub build"
  # Not under /tmp: that may forbid programs and device nodes.
  dir=$(mktemp -d /var/tmp/gpuhub-base.XXXXXX)
  # shellcheck disable=SC2064  # the folder's name now
  trap "rm -rf '$dir'" EXIT
  debootstrap --variant=minbase trixie "$dir" "$mirror" "$(base_script)"
  base_trim "$dir" "$mirror" "${security:-$mirror-security}"
  tar -C "$dir" --numeric-owner -c . \
    | docker import --change 'CMD ["bash"]' --change "LABEL $BASE_LABEL=debootstrap" - "$BASE"
}

base_tools() {
  local -a need=()
  has debootstrap || need+=(debootstrap)
  [[ -e /usr/share/keyrings/debian-archive-keyring.gpg ]] || need+=(debian-archive-keyring)
  [[ ${#need[@]} -gt 0 ]] || return 0
  has apt-get \
    || fail "debootstrap is not installed" "install debootstrap and debian-archive-keyring"
  apt-get update
  install_packages "${need[@]}"
}

# debian_mirror [-security]: the mirror that somebody named, else the one that this Debian machine
# itself is installed from; nothing on other distributions. By http: packages are signed, and the
# base has no CAs yet.
debian_mirror() {
  local system codename
  if [[ -n ${GPUHUB_DEBIAN_MIRROR:-} ]]; then
    say "${GPUHUB_DEBIAN_MIRROR%/}${1:-}"
    return
  fi
  read -r system _ codename <<< "$(host_release "${OS_RELEASE:-}")"
  [[ $system == debian && -n $codename ]] || return 0
  # shellcheck disable=SC2016  # apt's own variables
  apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 2> /dev/null \
    | awk -v release="$codename${1:-}" '$1 == release && $2 ~ /^https?:/ { print $2; exit }' \
    | sed -e 's/^https:/http:/' -e 's,/$,,'
}

# An older debootstrap does not know the release's name; all since etch share one script.
base_script() {
  local scripts=${1:-/usr/share/debootstrap/scripts}
  if [[ -e $scripts/trixie ]]; then say "$scripts/trixie"; else say "$scripts/sid"; fi
}

# What the image on the registries leaves out too; licences (copyright files) stay.
base_trim() {
  local dir=$1 mirror=$2 security=$3
  cat > "$dir/etc/dpkg/dpkg.cfg.d/slim" <<'DPKG'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-include /usr/share/locale/locale.alias
DPKG
  # Packages are used once: neither they nor apt's binary caches belong into a layer.
  cat > "$dir/etc/apt/apt.conf.d/docker-clean" <<'APT'
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Acquire::Languages "none";
APT
  find "$dir/usr/share/doc" -type f ! -name copyright -delete
  rm -rf "$dir"/usr/share/{man,info,locale}/* "$dir"/var/cache/apt/* "$dir"/var/lib/apt/lists/* \
    "$dir"/var/log/*.log "$dir"/var/log/apt/* "$dir"/etc/apt/sources.list \
    "$dir"/etc/hostname "$dir"/etc/resolv.conf
  mkdir -p "$dir/var/lib/apt/lists/partial" "$dir/var/cache/apt/archives/partial"
  cat > "$dir/etc/apt/sources.list.d/debian.sources" <<SOURCES
Types: deb
URIs: $mirror
Suites: trixie trixie-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: $security
Suites: trixie-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
}
