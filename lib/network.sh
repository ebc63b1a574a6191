# shellcheck shell=bash
# The network of people's servers: gpuhub_notebooks, with a subnet of our own. In its lower half
# hub, proxy and status have fixed addresses, because the servers' rules let in the first two and
# nobody else, and out to hub and status; in the upper half are the servers. What the hub must know
# for those rules is in network.json.

readonly NETWORK=gpuhub_notebooks

# Where a subnet is looked for: what neither the engine nor most other networks choose.
network_candidates() {
  printf '10.%d.0.0/16\n' {213..230}
  printf '172.%d.0.0/16\n' {31..24}
}

ip_number() {
  local IFS=. a b c d
  read -r a b c d <<< "$1"
  printf '%d\n' $(((a << 24) + (b << 16) + (c << 8) + d))
}

ip_text() {
  printf '%d.%d.%d.%d\n' $(($1 >> 24)) $(($1 >> 16 & 255)) $(($1 >> 8 & 255)) $(($1 & 255))
}

# range_of A.B.C.D/N: its first and last address, as numbers.
range_of() {
  local size=$((1 << (32 - ${1#*/}))) number
  number=$(ip_number "${1%/*}")
  printf '%d %d\n' $((number / size * size)) $((number / size * size + size - 1))
}

overlap() {
  local first last other_first other_last
  read -r first last <<< "$(range_of "$1")"
  read -r other_first other_last <<< "$(range_of "$2")"
  [[ $first -le $other_last && $other_first -le $last ]]
}

# subnet_part SUBNET N: its address number N.
subnet_part() {
  local first last
  read -r first last <<< "$(range_of "$1")"
  ip_text $((first + $2))
}

# The upper half of a subnet, for --ip-range.
subnet_upper() {
  local first last bits=${1#*/}
  read -r first last <<< "$(range_of "$1")"
  printf '%s/%d\n' "$(ip_text $((first + (last - first + 1) / 2)))" $((bits + 1))
}

network_gateway() { subnet_part "$1" 1; }
network_hub() { subnet_part "$1" 2; }
network_proxy() { subnet_part "$1" 3; }
network_status() { subnet_part "$1" 4; }

# host_routes [FILE]: where this machine has routes to, but for the default route.
host_routes() {
  local interface to flags mask rest
  while read -r interface to _ flags _ _ _ mask rest; do
    [[ $interface != Iface && $mask != 00000000 ]] || continue
    printf '%s/%d\n' "$(hex_address "$to")" "$(hex_bits "$mask")"
  done < "${1:-/proc/net/route}"
}

# The kernel prints addresses as the bytes lie in memory: the last one first on these machines.
hex_address() {
  printf '%d.%d.%d.%d\n' "0x${1:6:2}" "0x${1:4:2}" "0x${1:2:2}" "0x${1:0:2}"
}

hex_bits() {
  local number=$((16#$1)) bits=0
  for (( ; number > 0; number >>= 1)); do bits=$((bits + (number & 1))); done
  printf '%d\n' "$bits"
}

# What a subnet of ours must keep clear of: other networks of the engine, this machine's routes and
# addresses. Our own network's bridge is no obstacle to itself.
subnets_taken() {
  local id mine each
  mine=$(network_label)
  {
    docker network ls -q --no-trunc --filter driver=bridge | while read -r id; do
      docker network inspect --format \
        "{{if ne .Name \"$NETWORK\"}}{{range .IPAM.Config}}{{println .Subnet}}{{end}}{{end}}" "$id"
    done | grep -E '^[0-9.]+/[0-9]+$' || true
    host_routes
    own_addresses | sed -n '/[.]/s,$,/32,p'
  } | sort -u | while read -r each; do
    if [[ -n $mine && ($each == "$mine" || $each == "$(network_gateway "$mine")/32") ]]; then
      continue
    fi
    say "$each"
  done
}

# network_conflict SUBNET TAKEN: the first of TAKEN that it overlaps; nothing if there is none.
network_conflict() {
  local each
  for each in $2; do
    ! overlap "$1" "$each" || { say "$each"; return; }
  done
}

# network_choose TAKEN: the first candidate that overlaps nothing.
network_choose() {
  local each
  for each in $(network_candidates); do
    [[ -n $(network_conflict "$each" "$1") ]] || { say "$each"; return; }
  done
  fail "no subnet is free for people's servers: all that were tried overlap a network or a route" \
    "name one in gpuhub.toml: [notebook] subnet = \"A.B.C.0/24\""
}

network_exists() { docker network inspect "$NETWORK" > /dev/null 2>&1; }

# The subnet of our network; nothing if there is none, or one of an older `up`.
network_label() {
  docker network inspect --format '{{index .Labels "gpuhub.subnet"}}' "$NETWORK" 2> /dev/null \
    || true
}

# Outlives `down`, because people's servers are attached to it.
network_ensure() {
  local wanted have taken conflict
  wanted=$(setting NOTEBOOK_SUBNET)
  have=$(network_label)
  if [[ -z $have || (-n $wanted && $wanted != "$have") ]]; then
    taken=$(subnets_taken)
    if [[ -n $wanted ]]; then
      conflict=$(network_conflict "$wanted" "$taken")
      [[ -z $conflict ]] || fail "the subnet $wanted (gpuhub.toml, [notebook]) overlaps $conflict" \
        "choose one that neither a network of the engine nor a route of this machine has"
    else
      wanted=$(network_choose "$taken")
    fi
    ! network_exists || network_give_way
    network_make "$wanted"
    have=$wanted
  fi
  network_write "$have"
}

network_make() {
  docker network create --driver bridge --label gpuhub.made=1 --label "gpuhub.subnet=$1" \
    --subnet "$1" --gateway "$(network_gateway "$1")" --ip-range "$(subnet_upper "$1")" \
    "$NETWORK" > /dev/null
}

# The old network goes, but not under people's servers.
network_give_way() {
  local id project others=0 ours=()
  while read -r id; do
    project=$(docker inspect --format '{{index .Config.Labels "com.docker.compose.project"}}' "$id")
    if [[ $project == gpuhub ]]; then ours+=("$id"); else others=$((others + 1)); fi
  done < <(docker network inspect \
    --format '{{range $id, $one := .Containers}}{{println $id}}{{end}}' "$NETWORK" | grep .)
  [[ $others -eq 0 ]] || fail \
    "people's servers ($others) are on a network that must be made anew, with another subnet" \
    "stop them on the hub's admin page, or: docker ps --filter network=$NETWORK
then ./gpuhub up"
  [[ ${#ours[@]} -eq 0 ]] || docker rm -f "${ours[@]}" > /dev/null
  docker network rm "$NETWORK" > /dev/null
}

# network.json, for the hub, which reads it for each server.
network_write() {
  local nameservers
  nameservers=$(engine_nameservers)
  mkdir -p "$CONFIG"
  {
    printf '{"subnet": "%s", "gateway": "%s", "hub": "%s", "proxy": "%s", "status": "%s",\n' \
      "$1" "$(network_gateway "$1")" "$(network_hub "$1")" "$(network_proxy "$1")" \
      "$(network_status "$1")"
    printf ' "host_addresses": [%s],\n' "$(own_addresses | json_texts)"
    printf ' "nameservers": [%s],\n' "$(json_texts <<< "$nameservers")"
    printf ' "cell_image": "%s"}\n' "$(image_name cell)"
  } > "$CONFIG/network.json.new"
  chmod a+r "$CONFIG/network.json.new"
  mv "$CONFIG/network.json.new" "$CONFIG/network.json"
}

network_noted() { grep -qsF "\"$1\"" "$CONFIG/network.json"; }

is_private() {
  local range
  case $1 in *:*) [[ $1 == f[cd]* ]]; return ;; esac
  for range in 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 169.254.0.0/16; do
    ! overlap "$1/32" "$range" || return 0
  done
  return 1
}

# Lines as the inside of a JSON list; they hold addresses only.
json_texts() { sed -n 's/.\{1,\}/"&"/p' | paste -sd , | sed 's/,/, /g'; }

# The nameservers that the engine's own resolver asks for a server, from the server's namespace. The
# engine says them to containers of its default network; loopback ones it asks from the host.
engine_nameservers() {
  {
    docker run --rm --network bridge --cap-drop ALL "$(image_name cell)" cat /etc/resolv.conf \
      2> /dev/null || cat /etc/resolv.conf
  } | nameservers_in
}

nameservers_in() {
  awk '$1 == "nameserver" && $2 !~ /^(127\.|::1$)/ && $2 !~ /%/ { print $2 }' | sort -u
}

# Fails if this kernel does not take the rules; what it says is on stdout.
cell_try() {
  docker run --rm --network none --read-only --security-opt no-new-privileges --cap-drop ALL \
    --cap-add NET_ADMIN "$(image_name cell)" cell --try 2>&1
}

readonly CELL_REMEDY="a kernel with nf_tables (any distribution's since 2018); as modules:
sudo modprobe -a nf_tables nft_ct nft_reject_inet nf_conntrack"

cell_check() {
  local words
  words=$(cell_try) \
    || fail "the rules for people's servers cannot be loaded here: ${words:-no word}" "$CELL_REMEDY"
}
