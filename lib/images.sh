# shellcheck shell=bash
# Our images. Each carries the label gpuhub.inputs: a hash over its Dockerfile, the files that it
# copies and the inputs of our images that it starts from; and gpuhub.base-id, the base it was built
# on. Both equal: nothing to do. Nothing is listed twice: the inputs are read from the Dockerfile.
# Neither needs the base or the build image to be there, so a machine that was handed the finished
# images needs no others.

image_dockerfile() { say "$ROOT/images/$1/Dockerfile"; }

image_known() { [[ -r $(image_dockerfile "${1%%:*}") ]]; }

# image_name NAME[:STAGE] -> gpuhub/NAME[-STAGE]:VERSION
image_name() { say "gpuhub/${1/:/-}:$VERSION"; }

# The image's labels "INPUTS BASE_ID"; nothing if it is not there.
image_labels() {
  docker image inspect --format \
    '{{index .Config.Labels "gpuhub.inputs"}} {{index .Config.Labels "gpuhub.base-id"}}' "$1" \
    2> /dev/null || true
}

# image_is_current TAG INPUTS. A base that is not there cannot have changed.
image_is_current() {
  local inputs base now
  read -r inputs base <<< "$(image_labels "$1")"
  now=$(image_id "$BASE")
  [[ $inputs == "$2" && ($now == none || $base == "$now") ]]
}

image_id() { docker image inspect --format '{{.Id}}' "$1" 2> /dev/null || say none; }

# dockerfile_inputs FILE: lines "from IMAGE" and "copy PATH", stages and --from left out.
dockerfile_inputs() {
  awk -v ours="$(image_name NAME)" '
    /^[[:space:]]*#/ { next }
    { line = line $0 }
    /\\$/ { sub(/\\$/, " ", line); next }
    { emit(line); line = "" }
    function image(name,   short) {
      if (name ~ /^\$\{?[A-Z]+_IMAGE\}?$/) {  # X_IMAGE: our image x
        gsub(/[${}]|_IMAGE/, "", name)
        short = tolower(name)
        name = ours
        sub(/NAME/, short, name)
      }
      if (!(name in stage) && name !~ /^[0-9]+$/ && name != "scratch") print "from " name
    }
    function emit(text,   n, i, word, from, m) {
      gsub(/[][",]/, " ", text)
      n = split(text, word, /[[:space:]]+/)
      i = (word[1] == "") ? 2 : 1
      verb = toupper(word[i])
      if (verb == "FROM") {
        i++
        while (word[i] ~ /^--/) i++
        image(word[i])
        if (toupper(word[i + 1]) == "AS") stage[word[i + 2]] = 1
      } else if (verb == "COPY" || verb == "ADD") {
        from = ""
        for (i++; word[i] ~ /^--/; i++) if (sub(/^--from=/, "", word[i])) from = word[i]
        if (word[n] == "") n--
        if (from != "") image(from)
        else for (; i < n; i++) print "copy " word[i]
      } else if (verb == "RUN") {
        for (i++; word[i] ~ /^--/; i++) if (word[i] ~ /type=bind/) bind(word, i, n)
      }
    }
    # Commas became spaces above: the options of one --mount are the words up to the next flag.
    function bind(word, i, n,   source, from) {
      source = "."; from = ""
      for (i++; i <= n && word[i] ~ /^(source|src|target|dst|from|rw|ro|readonly)(=|$)/; i++) {
        if (word[i] ~ /^(source|src)=/) { source = word[i]; sub(/^[a-z]+=/, "", source) }
        if (word[i] ~ /^from=/) { from = word[i]; sub(/^from=/, "", from) }
      }
      if (from != "") image(from); else print "copy " source
    }' "$1"
}

# Names, modes and contents below a path of the checkout, without what .dockerignore leaves out.
hash_path() {
  local -a roots=()
  # shellcheck disable=SC2206  # COPY sources may be patterns
  roots=($1)
  [[ ${#roots[@]} -gt 0 ]] || return 0
  find "${roots[@]}" \( -name .git -o -name __pycache__ -o -name node_modules -o -name .gpuhub \
    -o -name .build -o -name .pytest_cache -o -name .ruff_cache -o -name '*.egg-info' \) -prune \
    -o \( -type f -o -type l \) ! -name '*.pyc' -printf '%m %p\0' | LC_ALL=C sort -z \
    | while IFS= read -r -d '' entry; do
      printf '%s %s\n' "$entry" "$(sha256sum < "${entry#* }")"
    done
}

image_inputs() {
  local dockerfile kind what
  dockerfile=$(image_dockerfile "${1%%:*}")
  (
    cd "$ROOT" || exit 1
    sha256sum < "$dockerfile"
    say "$1"
    dockerfile_inputs "$dockerfile" | sort -u | while read -r kind what; do
      case "$kind $what" in
        "from gpuhub/"*) what=${what#gpuhub/}; image_inputs "${what%%:*}" ;;
        "from "*) say "$what" ;;
        *) hash_path "$what" ;;
      esac
    done
  ) | sha256sum | cut -d ' ' -f 1
}

proxy_args() {
  local name
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [[ -z ${!name:-} ]] || printf -- '--build-arg\n%s=%s\n' "$name" "${!name}"
  done
}

# Prints the flags that lend the host's extra CAs to a build; they never become part of an image.
ca_args() {
  local file=$STATE/ca.pem
  extra_cas > "$file"
  [[ ! -s $file ]] || printf -- '--secret\nid=ca,src=%s\n' "$file"
}

# image_arguments DOCKERFILE: the flags that tell it the names of our images: X_IMAGE is image x.
image_arguments() {
  local argument name
  while read -r argument; do
    name=${argument%_IMAGE}
    printf -- '--build-arg\n%s=%s\n' "$argument" "$(image_name "${name,,}")"
  done < <(sed -n 's/^ARG \([A-Z]*_IMAGE\)\(=.*\)\{0,1\}$/\1/p' "$1")
}

# image_build NAME[:STAGE] INPUTS
image_build() {
  local -a args=()
  [[ $1 != tools ]] || { tools_build "$2"; return; }
  mapfile -t args < <(proxy_args && ca_args)
  [[ $1 != *:* ]] || args+=(--target "${1#*:}")
  # Only the Dockerfiles that declare them take names of our other images.
  mapfile -t -O "${#args[@]}" args < <(image_arguments "$(image_dockerfile "${1%%:*}")")
  (cd "$ROOT" && buildx build --progress plain --load "${args[@]}" --label "gpuhub.inputs=$2" \
    --label "gpuhub.base-id=$(image_id "$BASE")" --tag "$(image_name "$1")" \
    --file "images/${1%%:*}/Dockerfile" "$ROOT")
}

# image_ensure NAME[:STAGE]…: builds what is missing or changed, with what it starts from first.
image_ensure() {
  local name inputs
  for name in "$@"; do
    image_known "$name" || fail "there is no image called $name" "ls images/ lists them"
    inputs=$(image_inputs "$name")
    ! image_is_current "$(image_name "$name")" "$inputs" || continue
    base_ensure
    [[ $name == tools ]] || tools_ensure
    image_ensure_from "$name"
    image_ensure_one "$name" "$inputs"
  done
}

image_ensure_from() {
  local kind what
  while read -r kind what; do
    [[ $kind == from && $what == gpuhub/* ]] || continue
    what=${what#gpuhub/}
    image_ensure "${what%%:*}"
  done < <(dockerfile_inputs "$(image_dockerfile "${1%%:*}")")
}

image_ensure_one() {
  local tag before
  tag=$(image_name "$1")
  before=$(image_id "$tag")
  step "image-${1/:/-}" "image ${tag%:*}" image_build "$1" "$2"
  # The one it replaces has lost its name; containers that still use it keep it.
  [[ $before == none || $before == "$(image_id "$tag")" ]] \
    || docker image rm "$before" > /dev/null 2>&1 || true
}
