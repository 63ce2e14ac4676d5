"""e2e-config: provisioned -> configured."""
import subprocess

import pytest

from conftest import Instance, agree, step


@pytest.fixture(scope="module")
def fresh():
    return Instance("provisioned", "provisioned")


@pytest.fixture(scope="module")
def instance(fresh):
    # The checks of the phase before come first: afterwards it is gone.
    fresh.check("python is there", "python3 --version", contains="Python 3")
    fresh.check("admin may become root", "sudo id -u", contains="0")
    fresh.check("no password opens it", "sudo sshd -T | grep -i '^passwordauthentication'", contains="no")
    fresh.check("no engine yet", "command -v dockerd docker nginx", fails=True)
    step("configure.yml", "provisioned")
    return Instance("provisioned", "configured")


def test_a_second_run_changes_nothing(instance):
    assert "changed=0" in step("configure.yml", "provisioned"), "phase configured, check `second run changes nothing`"


def test_without_the_key_nobody_gets_in(instance):
    ran = subprocess.run(
        ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "admin@provisioned", "true"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
    )
    assert ran.returncode == 255 and "Permission denied (publickey)" in ran.stdout, ran.stdout


def test_the_engine_answers(instance):
    instance.check("engine starts", "sudo supervisorctl start dockerd", contains="started")
    instance.check(
        "engine answers",
        "for i in $(seq 60); do docker info >/dev/null 2>&1 && break; sleep 0.5; done; docker version --format '{{.Server.Version}}'"
        " || { sudo tail -n 20 /var/log/dockerd.log; exit 1; }",
        contains="20.10",
    )


def test_compose_runs_a_container(instance):
    # An image of what is there: no registry is needed.
    instance.check(
        "an image can be made",
        "cd /tmp && sudo tar -ch -C / $(ldd /bin/cat | grep -o '/[^ ]*') /bin/cat 2>/dev/null | docker import - hello >/dev/null && echo made",
        contains="made",
    )
    instance.check(
        "compose runs a container",
        "mkdir -p /tmp/hello && cd /tmp/hello && echo 'it works' > text && "
        "printf 'version: \"3\"\\nservices:\\n  hello:\\n    image: hello\\n    command: [/bin/cat, /text]\\n"
        "    volumes: [./text:/text:ro]\\n    network_mode: none\\n' > docker-compose.yml && docker-compose run --rm -T hello",
        contains="it works",
    )
    instance.check("engine stops", "docker rmi -f hello >/dev/null; sudo supervisorctl stop dockerd", contains="stopped")


def test_the_firewall_lets_in_what_it_should(instance):
    rules = instance.check("rules are in force", "sudo nft list table inet instance", contains="policy drop")
    assert "tcp dport { 22, 8443 } accept" in rules, rules
    instance.check(
        "a listener on another port",
        "nohup python3 -m http.server 9999 >/dev/null 2>&1 & sleep 1; curl -fsS -o /dev/null http://127.0.0.1:9999/ && echo here",
        contains="here",
    )
    other = Instance("configured", "configured")
    other.check("is not reached from outside", "curl -fsS --max-time 3 http://provisioned:9999/", fails=True)
    instance.check("the listener ends", "sudo pkill -f 'http.server [9]999'")


def test_nothing_of_the_application_is_there(instance):
    instance.check("no application", "ls /opt/board /etc/board", fails=True)


def test_the_image_agrees(instance, same_files):
    built = Instance("configured", "configured")
    agree(instance, built)
    same_files(instance, built, "/etc/supervisor /etc/nftables.conf /usr/local/sbin /etc/nginx")
