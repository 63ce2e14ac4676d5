"""An instance as the controller sees it: over ssh. What a check says when it fails names phase, check and output."""
import os
import pathlib
import shlex
import subprocess

import pytest

ANSIBLE = pathlib.Path("/work/ansible")


class Instance:
    """One machine, in one phase."""

    def __init__(self, host, phase):
        self.host, self.phase = host, phase

    def run(self, command, timeout=120):
        """(exit code, output of both kinds) of a shell command there."""
        ssh = ["ssh", self.host, "sh", "-c", shlex.quote(command)]
        ran = subprocess.run(ssh, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)
        return ran.returncode, ran.stdout.strip()

    def check(self, name, command, contains="", fails=False, timeout=120):
        """The command succeeds there (or fails, if it has to), and its output holds a text. Returns the output."""
        code, output = self.run(command, timeout)
        good = (code != 0) == fails and contains in output
        wanted = ("a failure" if fails else "success") + (f" and `{contains}`" if contains else "")
        assert good, (
            f"phase {self.phase}, check `{name}`: wanted {wanted}, got exit code {code}\n$ {command}\n{output}"
        )
        return output

    def packages(self):
        """The names of what is installed; versions may differ where the mirror has moved on since the image was built."""
        listed = self.check("packages are listed", "dpkg-query --show --showformat '${Package} ${Status}\\n'")
        return {line.split()[0] for line in listed.splitlines() if line.endswith(" install ok installed")}


def step(playbook, host):
    """Does the step of a phase for real: Ansible, over ssh."""
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg")}
    command = ["ansible-playbook", "--inventory", f"{host},", str(ANSIBLE / playbook)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, timeout=900)
    assert ran.returncode == 0, f"playbook {playbook} against {host}: exit code {ran.returncode}\n{ran.stdout}"
    return ran.stdout


def agree(changed, built):
    """The instance that Ansible has changed and the one whose image was built have the same packages."""
    only_changed, only_built = changed.packages() - built.packages(), built.packages() - changed.packages()
    assert not only_changed and not only_built, (
        f"phase {built.phase}, check `same packages`: only in the instance that Ansible changed: {sorted(only_changed)}, "
        f"only in the image: {sorted(only_built)}"
    )


@pytest.fixture
def same_files():
    """same_files(changed, built, paths): every file below the paths has the same owner, mode and content in both."""

    def same_files(changed, built, paths):
        command = (
            f"sudo find {paths} -not -name '*.pyc' '(' -type f -o -type l ')' -printf '%p %u:%g %m %l ' "
            "'(' -type f -exec sha256sum '{}' ';' -o -printf '\\n' ')' | sed 's, /[^ ]*$,,' | sort"
        )
        left, right = (instance.check("files are listed", command) for instance in (changed, built))
        assert left and left == right, (
            f"phase {built.phase}, check `same files`\n--- changed by Ansible\n{left}\n--- built as an image\n{right}"
        )

    return same_files
