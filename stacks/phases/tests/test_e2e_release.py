"""e2e-release: configured -> released."""
import pytest

from conftest import Instance, agree, step


@pytest.fixture(scope="module")
def instance():
    before = Instance("configured", "configured")
    before.check("no application yet", "ls /opt/board", fails=True)
    step("release.yml", "configured")
    return Instance("configured", "released")


def test_a_second_run_changes_nothing(instance):
    assert "changed=0" in step("release.yml", "configured"), "phase released, check `second run changes nothing`"


def test_the_artifacts_are_in_place(instance):
    instance.check("current version", "readlink /opt/board/current", contains="releases/1.0.0")
    instance.check("it is a program", "test -x /opt/board/current/board.py")


def test_the_configuration_is_rendered(instance):
    instance.check("application", "cat /etc/board/board.ini", contains="title = Notice board")
    instance.check("no placeholder is left", "grep -r '{[{%]' /etc/board /etc/nginx/sites-enabled /etc/supervisor", fails=True)


def test_nothing_is_started(instance):
    for program in ("board", "nginx"):
        instance.check(f"{program} is stopped", f"sudo supervisorctl status {program}", contains="STOPPED", fails=True)
    instance.check("nobody listens", "curl -sS --max-time 3 https://127.0.0.1:8443/", fails=True)


def test_no_key_is_there_before_it_is_needed(instance):
    instance.check("no certificates", "sudo find /etc/board/tls -type f | grep .", fails=True)


def test_a_check_that_fails_says_where_what_and_how(instance):
    with pytest.raises(AssertionError) as failure:
        instance.check("the answer", "echo not this one; exit 3", contains="42")
    said = str(failure.value)
    for words in ("phase released, check `the answer`", "exit code 3", "not this one", "`42`"):
        assert words in said, said


def test_the_image_agrees(instance, same_files):
    built = Instance("released", "released")
    agree(instance, built)
    same_files(instance, built, "/opt/board /etc/board /etc/supervisor /etc/nginx /usr/local/sbin")
