# shellcheck shell=bash
# A registry that an engine takes for a mirror of Docker Hub, with stand-ins for the images that docker compose's own tests
# use. To be sourced after machine.sh, debian.sh, by a script in whose variables are its directory (here) and the name of the
# engine at DOCKER_HOST (engine).
# shellcheck disable=SC2154

hub_port=5577
hub_address=127.0.0.1:$hub_port

hub_dir() { printf '%s/compose-suite/hub' "$(cache_dir)"; }
hub_images() { printf '%s/../tests/compose-suite/images' "$here"; }

# What the engine's option --registry-mirror has to be.
hub_mirror() { printf 'http://%s' "$hub_address"; }

# Runs a command where the engine's 127.0.0.1 is.
beside_engine() { "$here/engine" "$engine" exec -- "$@"; }

hub_answers() { beside_engine curl -fsS --noproxy '*' --max-time 2 "http://$hub_address/v2/" >/dev/null 2>&1; }

engine_has_mirror() { docker info --format '{{json .RegistryConfig.Mirrors}}' | grep -qF "\"http://$hub_address/\""; }

start_hub() {
  local dir
  dir=$(hub_dir)
  mkdir -p "$dir/data"
  unpack_packages_weekly "$(os_release VERSION_CODENAME)" "$dir/package" docker-registry
  ! hub_answers || die "something answers at $hub_address in the network of engine $engine already"
  # On every address: the builders that run in containers come from their bridge.
  cat >"$dir/registry.yml" <<YAML
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $dir/data}}
http: {addr: ":$hub_port"}
YAML
  # Not as a function, whose process would be another one than the registry's.
  "$here/engine" "$engine" exec -- "$dir/package/usr/bin/docker-registry" serve "$dir/registry.yml" </dev/null >"$dir/log" 2>&1 7>&- &
  hub_process=$!
  wait_for 20 hub_answers || die "the registry does not answer; its log is $dir/log"
}

stop_hub() {
  [ -n "${hub_process:-}" ] || return 0
  kill "$hub_process" 2>/dev/null || true
  wait "$hub_process" 2>/dev/null || true
  hub_process=
}

# The lines of `names`: a target and the images that it stands in for.
hub_lines() { grep -v '^#' "$(hub_images)/names"; }

# Where the registry keeps an image of Docker Hub: alpine:3.12 is library/alpine:3.12.
repository_of() { case $1 in */*) printf '%s' "$1" ;; *) printf 'library/%s' "$1" ;; esac; }

# All that the images are made of. What the packages of Debian's stable release are is not among it: they hardly change.
hub_stamp() {
  {
    docker image inspect --format '{{.Id}}' debian:bookworm-slim
    cd "$(hub_images)" || return
    find . -type f | sort | xargs sha256sum
  } | sha256sum | cut -d' ' -f1
}

# The engine in the image docker:dind: programs of sid, which need no newer libc, with a runc of bookworm, which does.
unpack_inner_engine() {
  local dir=$1
  unpack_packages_weekly sid "$dir/engine" docker.io containerd
  unpack_packages_weekly bookworm "$dir/runc" runc tini
  mkdir "$dir/context/engine"
  cp "$dir"/engine/usr/sbin/docker{d,-proxy} "$dir"/engine/usr/bin/containerd{,-shim-runc-v2} \
    "$(find "$dir/runc" -type f -name runc -path '*bin/runc')" "$dir/context/engine"
  cp "$dir/runc/usr/bin/tini-static" "$dir/context/engine/docker-init"
}

# The same image for every platform: nothing in it is run on another one than this machine's.
# An index of the three platforms that tests build for takes the place of the manifest: publish_index REPOSITORY:TAG
publish_index() {
  local url=http://$hub_address/v2/${1%:*}/manifests/${1##*:} head digest size type entries=() platform
  head=$(beside_engine curl -fsSI --noproxy '*' -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
    -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' "$url" | tr -d '\r')
  digest=$(sed -n 's/^docker-content-digest: //Ip' <<<"$head")
  size=$(sed -n 's/^content-length: //Ip' <<<"$head")
  type=$(sed -n 's/^content-type: //Ip' <<<"$head")
  for platform in amd64 arm64 386; do
    entries+=("{\"mediaType\":\"$type\",\"digest\":\"$digest\",\"size\":$size,\"platform\":{\"os\":\"linux\",\"architecture\":\"$platform\"}}")
  done
  type=application/vnd.docker.distribution.manifest.list.v2+json
  beside_engine curl -fsS --noproxy '*' -X PUT -H "Content-Type: $type" "$url" --data-binary @- >/dev/null <<JSON
{"schemaVersion":2,"mediaType":"$type","manifests":[$(IFS=,; echo "${entries[*]}")]}
JSON
}

# make_stand_in TARGET IMAGE..: builds it, and pushes it under each of its names.
make_stand_in() {
  local target=$1 image names=() tags=()
  shift
  say "making $*"
  for image; do names+=("$(repository_of "$image")"); done
  for image in "${names[@]}"; do tags+=(--tag "$hub_address/$image"); done
  DOCKER_BUILDKIT=1 docker build --quiet --network host --target "$target" \
    --secret id=ca_bundle,src=/etc/ssl/certs/ca-certificates.crt "${tags[@]}" "$(hub_dir)/context" >/dev/null
  for image in "${names[@]}"; do
    docker push --quiet "$hub_address/$image" >/dev/null
    docker image rm "$hub_address/$image" >/dev/null
    publish_index "$image"
  done
}

# The registry holds every stand-in when this returns.
fill_hub() {
  local dir stamp line
  dir=$(hub_dir)
  stamp=$(hub_stamp)
  [ "$(cat "$dir/stamp" 2>/dev/null)" != "$stamp" ] || return 0
  rm -rf "$dir/stamp" "$dir/context" "$dir/data"
  mkdir "$dir/data"
  cp -r "$(hub_images)" "$dir/context"
  unpack_inner_engine "$dir"
  while read -r line; do
    # shellcheck disable=SC2086 # a line is a list of words
    make_stand_in $line </dev/null
  done < <(hub_lines)
  rm -rf "$dir/context"
  echo "$stamp" >"$dir/stamp"
}

# The engine has pulled every stand-in when this returns.
pull_stand_ins() {
  local image
  for image in $(hub_lines | cut -d' ' -f2-); do
    docker pull --quiet "$image" >/dev/null || die "engine $engine cannot pull $image from the registry beside it"
  done
}
