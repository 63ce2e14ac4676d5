# shellcheck shell=bash
# The few requests that the scripts send to the engine at DOCKER_HOST: by the docker CLI where there is one, else by curl. To be sourced.

# Where the engine is that people mean when they name none: DOCKER_HOST, the docker CLI's context, the usual socket.
default_host() {
  if [ -n "${DOCKER_HOST:-}" ]; then
    echo "$DOCKER_HOST"
  else
    docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null || echo unix:///var/run/docker.sock
  fi
}

# curl against the engine: engine_curl PATH [CURL OPTION..]
engine_curl() {
  local path=$1 host certs=${DOCKER_CERT_PATH:-${HOME:-}/.docker}
  host=$(default_host)
  shift
  case $host in
  unix://*) curl -sS --fail-with-body --noproxy '*' --unix-socket "${host#unix://}" "$@" "http://engine$path" ;;
  tcp://*)
    if [ -n "${DOCKER_TLS_VERIFY:-}" ]; then
      curl -sS --fail-with-body --cacert "$certs/ca.pem" --cert "$certs/cert.pem" --key "$certs/key.pem" "$@" "https://${host#tcp://}$path"
    else
      curl -sS --fail-with-body "$@" "http://${host#tcp://}$path"
    fi
    ;;
  *) die "\`DOCKER_HOST=$host\` needs the docker CLI (Debian: docker.io or docker-cli); without it: unix:// or tcp://" ;;
  esac
}

has_cli() { command -v docker >/dev/null; }

# Version and API version of the engine, such as "20.10.24 1.41"; fails when none answers within 5 s.
engine_version() {
  if has_cli; then
    local version
    version=$(timeout 5 docker version --format '{{.Server.Version}} {{.Server.APIVersion}}' 2>/dev/null) || return 1
    # A CLI older than the engine answers with nothing but a blank.
    [ "${version# }" = "$version" ] && printf '%s' "$version"
  else
    engine_curl /version --max-time 5 2>/dev/null |
      sed -n 's/.*"Version":"\([^"]*\)".*"ApiVersion":"\([^"]*\)".*/\1 \2/p' | grep .
  fi
}

engine_answers() { engine_version >/dev/null; }

has_running_containers() {
  if has_cli; then docker ps -q; else engine_curl /containers/json | grep -o '"Id"'; fi 2>/dev/null | grep -q .
}

has_image() {
  if has_cli; then docker image inspect "$1" >/dev/null 2>&1; else engine_curl "/images/$1/json" >/dev/null 2>&1; fi
}

# Pulls NAME:TAG, for at most so many seconds: pull_image NAME:TAG SECONDS
pull_image() {
  if has_cli; then
    timeout "$2" docker pull -q "$1" >/dev/null 2>&1
  else
    # The engine answers 200 before it knows the result; failures are in the stream.
    engine_curl "/images/create?fromImage=${1%:*}&tag=${1##*:}" -X POST --max-time "$2" 2>/dev/null | { ! grep -q '"error"'; }
    has_image "$1"
  fi
}

# A root file system from stdin becomes an image that starts a shell, as the published one does.
import_image() {
  if has_cli; then
    docker import --change 'CMD ["bash"]' - "$1" >/dev/null
  else
    engine_curl "/images/create?fromSrc=-&repo=${1%:*}&tag=${1##*:}&changes=CMD%20%5B%22bash%22%5D" -X POST -T - >/dev/null
  fi
}

save_image() { if has_cli; then docker save "$1"; else engine_curl "/images/$1/get"; fi; }

load_image() {
  if has_cli; then docker load -q >/dev/null; else engine_curl /images/load -X POST -T - >/dev/null; fi
}
