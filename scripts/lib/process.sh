# shellcheck shell=bash
# Processes that outlive the script which started them. To be sourced.
# A process file holds a pid and its start time: a pid that the kernel has given to somebody else in the meantime is not ours.

# The start time of a process in clock ticks since boot, field 22 of its stat file; fails when there is no such process.
process_started() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # The second field is the command's name in parentheses and may hold spaces.
  stat=${stat##*) }
  # shellcheck disable=SC2086
  set -- $stat
  printf '%s' "${20}"
}

process_record() { printf '%s %s\n' "$2" "$(process_started "$2")" >"$1"; }

# Prints the pid in a process file while that very process lives.
process_pid() {
  local pid started
  read -r pid started 2>/dev/null <"$1" || return 1
  [ -n "$started" ] && [ "$(process_started "$pid")" = "$started" ] || return 1
  printf '%s' "$pid"
}

# Removes a daemon's own pid file when the process of that number is no such program: forget_dead FILE PROGRAM
# Daemons that were killed leave it, where /run outlives a boot even over a boot, and will not start beside a stranger.
forget_dead() {
  local pid exe
  pid=$(cat "$1" 2>/dev/null) || return 0
  exe=$(readlink "/proc/$pid/exe" 2>/dev/null) || exe=
  exe=${exe% (deleted)}
  [ "${exe##*/}" = "$2" ] || rm -f "$1"
}

process_gone() { ! process_pid "$1" >/dev/null; }

# Ends the process of a process file: politely first, by force after SECONDS, which may be 0.
process_end() {
  local file=$1 seconds=$2 pid
  pid=$(process_pid "$file") || return 0
  [ "$seconds" -eq 0 ] || kill -TERM "$pid" 2>/dev/null || true
  if [ "$seconds" -eq 0 ] || ! wait_for "$seconds" process_gone "$file"; then
    [ "$seconds" -eq 0 ] || say "process $pid did not end within $seconds s: killing it"
    kill -KILL "$pid" 2>/dev/null || true
    wait_for 10 process_gone "$file" || die "process $pid cannot be killed"
  fi
}
