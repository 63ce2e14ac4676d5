#!/bin/bash
# Suite `inside`: wharf, in its image, brings a stack up on the engine whose socket is mounted, from the
# directory that is mounted at /work.
set -euo pipefail
project=deployer-inside-$RANDOM$RANDOM
# In a directory of root's, as root: what wharf assumes for root elsewhere could not write there.
wharf() { env "UID=$(stat --format %u /work)" "GID=$(stat --format %g /work)" entrypoint -p "$project" "$@"; }

clean_up() { wharf down dev --timeout 0 --volumes; rm -f /work/content/served.txt; }
trap clean_up EXIT

rm -f /work/content/served.txt
wharf up dev
wharf ps dev
# Written by the container of the stack, through the engine: the bind mount is the mounted directory.
diff /work/content/page.txt /work/content/served.txt
# .. and it belongs to whoever owns the directory.
test "$(stat --format %u:%g /work/content/served.txt)" = "$(stat --format %u:%g /work)"
wharf up dev 2>&1 | tee /dev/stderr | grep -q 'nothing to do'
echo "ok: up, bind mounts, ownership, no change the second time"
