"""e2e-run: released -> running."""
import subprocess
import time

import pytest

from conftest import Instance, agree, step

NAME = "board.example"


@pytest.fixture(scope="module")
def instance():
    before = Instance("released", "released")
    before.check("nothing runs yet", "sudo supervisorctl status board", contains="STOPPED", fails=True)
    step("run.yml", "released")
    return Instance("released", "running")


@pytest.fixture
def authority(instance, tmp_path):
    path = tmp_path / "ca.crt"
    path.write_text(instance.check("the authority's certificate", "cat /etc/board/tls/ca.crt") + "\n")
    return path


def fetch(instance, authority, path):
    """What a client on another machine gets, who trusts the authority alone."""
    command = ["curl", "-fsS", "--max-time", "10", "--cacert", str(authority),
               "--connect-to", f"{NAME}:8443:{instance.host}:8443", f"https://{NAME}:8443{path}"]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert ran.returncode == 0, f"phase {instance.phase}, check `GET {path}`: exit code {ran.returncode}\n{ran.stdout}"
    return ran.stdout


def eventually(attempt, limit=90):
    end = time.monotonic() + limit
    while True:
        try:
            return attempt()
        except (AssertionError, subprocess.TimeoutExpired):
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


def fingerprint(instance):
    return instance.check("fingerprint", "openssl x509 -in /etc/board/tls/server.crt -noout -fingerprint -sha256")


def test_a_second_run_changes_nothing(instance):
    assert "changed=0" in step("run.yml", "released"), "phase running, check `second run changes nothing`"


def test_the_services_answer_over_tls(instance, authority):
    assert "<h1>Notice board</h1>" in fetch(instance, authority, "/")
    assert '"healthy"' in fetch(instance, authority, "/health")


def test_the_certificates_are_valid(instance):
    instance.check("chain", "openssl verify -purpose sslserver -CAfile /etc/board/tls/ca.crt /etc/board/tls/server.crt", contains="OK")
    instance.check("name", f"openssl x509 -in /etc/board/tls/server.crt -noout -checkhost {NAME}", contains="does match")
    instance.check("still for a month", "openssl x509 -in /etc/board/tls/server.crt -noout -checkend 2592000")
    instance.check("keys are root's alone", "stat --format '%a %U' /etc/board/tls/server.key /etc/board/tls/ca.key | sort -u", contains="600 root")


def test_a_process_that_dies_comes_back(instance, authority):
    before = instance.check("pid", "sudo supervisorctl pid board")
    instance.check("killed", f"sudo kill -9 {before}")
    eventually(lambda: fetch(instance, authority, "/health"))
    assert instance.check("new pid", "sudo supervisorctl pid board") != before


def test_everything_survives_a_restart(instance, authority):
    before = fingerprint(instance)
    started = instance.check("start of the first process", "stat --format %Y /proc/1")
    # The first process ends, and with it the instance: every connection breaks.
    instance.run("sudo supervisorctl shutdown")

    def is_new():
        assert instance.check("start of the first process", "stat --format %Y /proc/1", timeout=20) != started

    eventually(is_new)
    assert '"healthy"' in eventually(lambda: fetch(instance, authority, "/health"))
    assert fingerprint(instance) == before, "phase running, check `certificates are kept`"


def test_the_image_agrees(instance, same_files):
    built = Instance("running", "running")
    agree(instance, built)
    same_files(instance, built, "/opt/board /etc/board/board.ini /etc/supervisor /etc/nginx /usr/local/sbin")


def test_the_instance_of_the_image_answers_too(instance, tmp_path):
    built = Instance("running", "running")
    path = tmp_path / "ca.crt"
    path.write_text(eventually(lambda: built.check("the authority's certificate", "cat /etc/board/tls/ca.crt")) + "\n")
    assert '"healthy"' in eventually(lambda: fetch(built, path, "/health"))
