# shellcheck shell=bash
# What this machine is, and where wharf's scripts may keep things on it. To be sourced.

# One line on stderr for each step, so that stdout stays usable by `eval`.
say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
  say "error: $*"
  exit 1
}

is_root() { [ "$(id -u)" -eq 0 ]; }

# The value of one field of /etc/os-release, empty where there is none.
os_release() { (. /etc/os-release 2>/dev/null && printf '%s' "${!1-}") || true; }

is_debian() { [ "$(os_release ID)" = debian ] && command -v apt-get >/dev/null; }

# Downloads and archives that may be made again at any time.
cache_dir() {
  local dir=${WHARF_CACHE_DIR:-}
  if [ -z "$dir" ]; then
    if [ -n "${XDG_CACHE_HOME:-}" ]; then
      dir=$XDG_CACHE_HOME/wharf
    elif [ -n "${HOME:-}" ] && [ -w "${HOME:-}" ]; then
      dir=$HOME/.cache/wharf
    else
      dir=/var/cache/wharf
    fi
  fi
  mkdir -p "$dir"
  printf '%s' "$dir"
}

# What runs now and who started it; forgotten at the next boot.
run_dir() {
  local dir
  if is_root; then
    dir=/run/wharf
  else
    dir=${XDG_RUNTIME_DIR:-/tmp/wharf-$(id -u)}/wharf
  fi
  mkdir -p "$dir"
  printf '%s' "$dir"
}

# Waits until a command succeeds: wait_for SECONDS COMMAND..
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.2
  done
}
