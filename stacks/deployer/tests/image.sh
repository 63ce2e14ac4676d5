#!/bin/bash
# Suite `image`: what is in the image and what the entrypoint says. Prints a line a check; the exit code
# is the number of those that failed.
set -uo pipefail
failed=0
output=/tmp/output

check() {
    local name=$1
    shift
    if "$@" >"$output" 2>&1; then
        echo "ok      $name"
    else
        echo "FAILED  $name: exit code $?"
        sed 's/^/        /' "$output"
        failed=$((failed + 1))
    fi
}

says() {
    local text=$1 said
    shift
    said=$("$@" 2>&1)
    echo "$said"
    [[ $said == *"$text"* ]]
}
absent() { ! command -v "$1"; }
# As somebody else would call it.
entrypoint() { env -u DOCKER_HOST entrypoint "$@"; }

check "wharf says its version" says "wharf " entrypoint --version
check "ssh is there" ssh -V
check "git is there" git --version
check "ansible is there" ansible-playbook --version
check "certificates are there" test -s /etc/ssl/certs/ca-certificates.crt
for tool in cargo rustc gcc cc make npm; do check "no $tool" absent "$tool"; done
check "the user is no root" test "$(id -u wharf)" != 0
check "arguments are passed on as they are" says 'env `a b`' entrypoint --env 'a b' config
check "a missing engine is said, with what to do" says "mount it with" entrypoint --version
check "no key and no configuration is inside" \
    bash -c '! find /root /home /data /envs /etc/ssh -name "id_*" -o -name "*.pem" -o -name "config.json" -o -name "ssh_host_*" -o -name "*.env" | grep .'
check "wharf's exit code is the container's" bash -c 'entrypoint --no-such-option; test $? = 2'

mkdir -p /work && chown 4711:4712 /work
cat > /usr/local/bin/who <<'WHO'
#!/bin/bash
echo "$(id -u):$(id -g) $HOME $(getent passwd "$(id -u)" | cut -d: -f1)"
WHO
chmod 0755 /usr/local/bin/who
check "the owner of /work is who runs" bash -c '
    mkdir /tmp/bin && cp /usr/local/bin/who /tmp/bin/wharf && PATH=/tmp/bin:$PATH entrypoint | tee /dev/stderr | grep -qx "4711:4712 /home/wharf wharf"'
exit "$failed"
