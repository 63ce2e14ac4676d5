# shellcheck shell=bash
# Debian packages, from whatever mirror this machine itself is configured to use. To be sourced after machine.sh.

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

apt_install() {
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null >&2
}

# Installs what is missing of the named packages; package lists are fetched only when the ones at hand do not do.
install_packages() {
  local package missing=()
  for package; do installed "$package" || missing+=("$package"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  is_debian || die "missing here: ${missing[*]} (Debian's names); install them and run this again"
  is_root || die "missing here: ${missing[*]}; run \`sudo apt-get install ${missing[*]}\`, then this again"
  say "installing ${missing[*]}"
  apt_install "${missing[@]}" 2>/dev/null && return 0
  apt-get update -qq -o DPkg::Lock::Timeout=300 </dev/null >&2 || say "apt-get update has complaints; going on"
  apt_install "${missing[@]}" || die "cannot install ${missing[*]}"
}

# Replaces the mirror-list form of an address, which works only on this machine, by the first mirror of that list.
plain_mirror() {
  case $1 in
  mirror+file:*) awk '!/^#/ && NF {print $1; exit}' "${1#mirror+file:}" ;;
  *) printf '%s\n' "$1" ;;
  esac
}

# The address from which this machine gets a suite: mirror_of bookworm-security. Fails when it gets none.
mirror_of() {
  local uri
  # shellcheck disable=SC2016 # these are apt's own format fields
  uri=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
    awk -v suite="$1" '$1 == suite {print $2; exit}')
  [ -n "$uri" ] || return 1
  plain_mirror "$uri"
}

debian_mirror() {
  local suite
  for suite in "$(os_release VERSION_CODENAME)" stable testing unstable sid; do
    mirror_of "$suite" && return 0
  done
  die "apt has no Debian archive configured here: see sources.list(5)"
}

# apt with package lists of its own for one suite: the machine's own configuration of suites stays as it is.
suite_apt() {
  local suite=$1 tool=$2 dir
  shift 2
  dir=$(cache_dir)/apt/$suite
  "$tool" -o "Dir::Etc::sourcelist=$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::preferencesparts=/dev/null -o "Dir::State=$dir" -o "Dir::State::status=$dir/status" \
    -o "Dir::Cache=$dir/cache" -o APT::Sandbox::User=root "$@"
}

# Fetches the lists of a suite, of packages or of their sources: suite_lists SUITE deb|deb-src
suite_lists() {
  local suite=$1 dir
  command -v apt-get >/dev/null || die "packages of Debian are needed here, but there is no apt-get"
  dir=$(cache_dir)/apt/$suite
  mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
  : >"$dir/status"
  printf '%s [signed-by=%s] %s %s main\n' "$2" /usr/share/keyrings/debian-archive-keyring.gpg "$(debian_mirror)" "$suite" >"$dir/sources.list"
  suite_apt "$suite" apt-get update -qq </dev/null >&2
}

# Those of the named packages and of everything they depend on that begin with a prefix: with_dependencies SUITE PREFIX PACKAGE..
with_dependencies() {
  local suite=$1 prefix=$2
  shift 2
  suite_apt "$suite" apt-get install --simulate -qq --no-install-recommends "$@" </dev/null |
    awk -v prefix="$prefix" '$1 == "Inst" && index($2, prefix) == 1 {print $2}'
}

# Puts a directory in the place of another one, dated now: what is in it is dated by its package.
replace_directory() {
  touch "$1"
  rm -rf "$2"
  mv "$1" "$2"
}

# Unpacks packages of a suite, whose lists are there, below a directory: download_packages SUITE DIR PACKAGE..
download_packages() {
  local suite=$1 target=$2 dir deb
  shift 2
  dir=$(cache_dir)/apt/$suite
  rm -rf "$dir/debs" "$target.new"
  mkdir -p "$dir/debs" "$target.new"
  (cd "$dir/debs" && suite_apt "$suite" apt-get download -qq "$@" </dev/null >&2) || return 1
  for deb in "$dir"/debs/*.deb; do dpkg -x "$deb" "$target.new"; done
  rm -rf "$dir/debs"
  replace_directory "$target.new" "$target"
}

# Unpacks packages of a suite below a directory without installing them: unpack_packages SUITE DIR PACKAGE..
unpack_packages() {
  say "fetching ${*:3} of $1"
  suite_lists "$1" deb && download_packages "$@"
}

# The same with everything that they depend on and that begins with a prefix: unpack_closure SUITE DIR PREFIX PACKAGE..
unpack_closure() {
  local suite=$1 target=$2 prefix=$3 packages
  shift 3
  say "fetching $* of $suite, with what they need"
  suite_lists "$suite" deb || return 1
  mapfile -t packages < <(with_dependencies "$suite" "$prefix" "$@")
  [ ${#packages[@]} -gt 0 ] || return 1
  download_packages "$suite" "$target" "${packages[@]}"
}

# Unpacks what a source package of a suite has from its authors, without Debian's changes: unpack_source SUITE DIR PACKAGE
unpack_source() {
  local suite=$1 target=$2 dir
  dir=$(cache_dir)/apt/$suite
  say "fetching the source of $3 of $suite"
  suite_lists "$suite" deb-src || return 1
  rm -rf "$dir/source" "$target.new"
  mkdir -p "$dir/source" "$target.new"
  (cd "$dir/source" && suite_apt "$suite" apt-get source -qq --download-only "$3" </dev/null >&2) || return 1
  tar -xf "$dir/source/"*.orig.tar.* --strip-components=1 -C "$target.new" || return 1
  rm -rf "$dir/source"
  replace_directory "$target.new" "$target"
}

# Calls one of these, which make a directory, unless it was done within the last week; older ones are kept when no mirror
# answers. One at a time, because package lists and directories are shared by everything that fetches.
weekly() {
  local target=$3
  (
    flock 8
    if [ -z "$(find "$target" -maxdepth 0 -mtime -7 2>/dev/null)" ] && ! "$@"; then
      [ -d "$target" ] || die "cannot fetch packages of $2"
      say "no newer packages of $2 can be had: using those of $(date -r "$target" +%F)"
    fi
  ) 8>"$(cache_dir)/lock"
}

unpack_packages_weekly() { weekly unpack_packages "$@"; }
