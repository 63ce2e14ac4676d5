# shellcheck shell=bash
# debian:bookworm-slim, the one upstream image of the bundled stacks. To be sourced after machine.sh, debian.sh, engine-api.sh.

base_image=debian:bookworm-slim

base_image_archive() { printf '%s/debian-bookworm-slim.tar' "$(cache_dir)"; }

# Debian's own packages as a root file system on stdout. As in the published image, manuals and documentation are left out,
# dpkg does not wait for the disk (what breaks in an image build is built again), and /usr is merged from the beginning: the
# program that would merge it needs all of Perl.
base_image_tree() {
  local mirror security lines
  mirror=$(debian_mirror)
  lines="deb $mirror bookworm main"$'\n'"deb $mirror bookworm-updates main"
  if security=$(mirror_of bookworm-security); then
    lines+=$'\n'"deb $security bookworm-security main"
  fi
  mmdebstrap --quiet --variant=minbase --include=usr-is-merged \
    --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
    --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-include=/usr/share/locale/locale.alias' \
    --format=tar bookworm - - <<<"$lines"
}

make_base_image() {
  install_packages mmdebstrap debian-archive-keyring
  say "making $base_image from Debian's packages (about half a minute)"
  base_image_tree | import_image "$base_image" || die "cannot make $base_image"
}

# Keeps the image as a file, with its id, so that every further engine gets the very same one.
keep_base_image() {
  local archive
  archive=$(base_image_archive)
  save_image "$base_image" >"$archive.new" && mv "$archive.new" "$archive"
}

# Takes the image from the machine's own engine, or from the archive of an earlier run.
copy_base_image() {
  local archive
  archive=$(base_image_archive)
  if [ ! -s "$archive" ]; then
    # shellcheck disable=SC2030 # on purpose only in here
    (unset DOCKER_HOST && has_image "$base_image" && keep_base_image) 2>/dev/null || return 1
  fi
  say "loading $base_image from $archive"
  load_image <"$archive" || { rm -f "$archive"; return 1; }
}

# The base image is on the engine at DOCKER_HOST when this returns.
ensure_base_image() {
  local seconds=${WHARF_PULL_TIMEOUT:-120}
  if has_image "$base_image"; then
    say "$base_image is there"
    return
  fi
  copy_base_image && return
  say "pulling $base_image (for at most $seconds s)"
  if ! pull_image "$base_image" "$seconds"; then
    say "no registry has it for us"
    make_base_image
  fi
  keep_base_image
}
