"""Measures `wharf ship` against what people do without a registry: `docker save | ssh docker load`.

The server is an engine with sshd in a container, as the end-to-end tests have it; a door in front of it counts bytes. Both
ways open a connection of their own each time. Compared is what both do, bringing an image there (`ship --prepare`, which also
builds what is missing and renders the configuration); what a whole `ship` takes, with the service brought up and healthy,
which nobody does on the other side, is told beside it.
"""

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tarfile
import threading
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
IMAGE = "wharf-pycroft-prod:bench"
PROJECT = "bench-ship"

NO_OP = "ship, nothing to do"
FIRST = "first ship of the prod image, bytes"
CONFIG_TIME = "config-only change over ship, time"
CONFIG_UP = "config-only change over ship, until it is healthy"
CONFIG_BYTES = "config-only change over ship, bytes"
NAMES = [FIRST, CONFIG_TIME, CONFIG_UP, CONFIG_BYTES, NO_OP]

# The application of prod needs its services; what is measured is the way of its image.
APP = {
    "name": PROJECT,
    "services": {
        "app": {
            "image": IMAGE,
            "pull_policy": "never",
            "entrypoint": ["sleep", "infinity"],
            "command": [],
            "stop_signal": "SIGKILL",
        }
    },
    "x-wharf": {"config": [{"template": "app.conf.j2", "target": "/etc/pycroft.conf", "services": ["app"]}]},
}

# What the prod layer has to be told; nothing of it is in the image.
VARIABLES = {
    name: "bench"
    for name in (
        "PYCROFT_DB_URI",
        "PYCROFT_LDAP_URI",
        "PYCROFT_LDAP_BIND_DN",
        "PYCROFT_LDAP_BIND_PASSWORD",
        "PYCROFT_LDAP_BASE_DN",
        "PYCROFT_BROKER_URI",
    )
}


class Door:
    """Hands connections on, and counts the bytes to the server."""

    def __init__(self, port: int):
        self.sent = 0
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.target))
            for end in (client, server):
                # ssh sets this on its own connections; without it here, every short answer would wait 40 ms for the next.
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.pump, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, False), daemon=True).start()

    def pump(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                if counts:
                    self.sent += len(data)
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def count(self) -> int:
        """Bytes since this was asked last."""
        sent, self.sent = self.sent, 0
        return sent


@dataclass
class Work:
    seconds: float
    sent: int


class Server:
    """An engine with sshd, and an `ssh` that may log in there."""

    def __init__(self, wharf: list[str], directory: Path):
        self.wharf = wharf
        self.directory = directory
        self.ssh_directory = directory / "ssh"
        (self.ssh_directory / "bin").mkdir(parents=True)
        key = self.ssh_directory / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        server = {
            "image": "wharf-ship-server",
            "build": {"context": str(HOME / "tests/e2e/ship/server"), "secrets": ["ca_bundle"]},
            "cap_add": ["SYS_ADMIN", "NET_ADMIN"],
            "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
            "environment": {"AUTHORIZED_KEY": Path(f"{key}.pub").read_text().strip()},
            "ports": ["127.0.0.1::22"],
            "volumes": ["data:/var/lib/docker", "/sys/fs/cgroup:/sys/fs/cgroup"],
            "stop_signal": "SIGKILL",
            "healthcheck": {"test": ["CMD", "docker", "version"], "interval": "1s", "start_period": "2m"},
        }
        (directory / "server.yml").write_text(
            json.dumps(
                {
                    "name": f"{PROJECT}-server",
                    "services": {"server": server},
                    "volumes": {"data": {}},
                    "secrets": {"ca_bundle": {"file": "/etc/ssl/certs/ca-certificates.crt"}},
                }
            )
        )
        self.at_home("up")
        port = int(self.at_home("port", "server", "22").strip().rsplit(":", 1)[1])
        self.door = Door(port)
        config = self.ssh_directory / "config"
        config.write_text(
            f"Host *\n  IdentityFile {key}\n  IdentitiesOnly yes\n  UserKnownHostsFile {self.ssh_directory}/known_hosts\n"
            "  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking accept-new\n  LogLevel ERROR\n"
        )
        program = self.ssh_directory / "bin/ssh"
        program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {config} "$@"\n')
        program.chmod(0o755)
        self.environment = {
            **os.environ,
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "XDG_RUNTIME_DIR": str(self.ssh_directory),
        }
        for _ in range(100):
            if subprocess.run(self.ssh("true"), env=self.environment, stderr=subprocess.DEVNULL).returncode == 0:
                return
            time.sleep(0.2)
        sys.exit("error: nobody can log in on the server")

    def at_home(self, *words: str) -> str:
        """wharf on the project of the server itself."""
        command = [*self.wharf, "-f", str(self.directory / "server.yml"), *words]
        return checked(command, dict(os.environ), self.directory)

    def ssh(self, *words: str) -> list[str]:
        return ["ssh", "-p", str(self.door.port), "root@127.0.0.1", *words]

    def ship(self, *options: str) -> Work:
        # The connection that is kept would spare the next one its beginning.
        shutil.rmtree(self.ssh_directory / "wharf-ssh", ignore_errors=True)
        command = [*self.wharf, "-f", "app.yml", "ship", *options, f"ssh://root@127.0.0.1:{self.door.port}"]
        return self.timed(lambda: checked(command, self.environment, self.directory))

    def save_and_load(self) -> Work:
        ssh = " ".join(self.ssh("docker", "load", "-q"))
        command = ["sh", "-c", f"docker save {IMAGE} | {ssh}"]
        return self.timed(lambda: checked(command, self.environment, self.directory))

    def timed(self, work) -> Work:
        self.door.count()
        start = time.perf_counter()
        work()
        return Work(time.perf_counter() - start, self.door.count())


def checked(command: list[str], environment: dict[str, str], directory: Path) -> str:
    done = subprocess.run(command, env=environment, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"error: {' '.join(command)}\nended with {done.returncode}:\n{done.stderr[-3000:]}")
    return done.stdout


def compressed_layers(directory: Path) -> int:
    """What the layers of the image take on a registry: each as one gzip stream at the usual level."""
    archive = directory / "image.tar"
    checked(["docker", "save", "-o", str(archive), IMAGE], dict(os.environ), directory)
    total = 0
    with tarfile.open(archive) as saved:
        manifest = json.load(saved.extractfile("manifest.json"))
        for layer in manifest[0]["Layers"]:
            packer = zlib.compressobj(6, zlib.DEFLATED, 31)
            content = saved.extractfile(layer)
            while piece := content.read(1 << 20):
                total += len(packer.compress(piece))
            total += len(packer.flush())
    archive.unlink()
    return total


def ratio(name: str, ours: float, other: float, most: float, unit: str) -> tuple[str, str, bool]:
    share = ours / other
    return name, f"- {name}: {ours:.4g} {unit}, {share:.4f} of {other:.4g} {unit}, wanted: {most} at most", share <= most


def keep(only: str, wharf: list[str], rounds: int, directory: Path) -> list[tuple[str, str, bool]]:
    """For each limit whose name holds `only`: its name, a line about it, and whether it is kept."""
    wanted = [name for name in NAMES if only in name]
    if not wanted:
        return []
    print("measuring: ship", file=sys.stderr)
    files = [word for layer in ("base", "prod") for word in ("-f", str(HOME / f"docker-compose.{layer}.yml"))]
    checked([*wharf, *files, "-p", PROJECT, "build"], {**os.environ, **VARIABLES, "TAG": "bench"}, HOME)
    (directory / "app.yml").write_text(json.dumps(APP))

    def configure(number: int) -> None:
        (directory / "app.conf.j2").write_text(f"# {number} on {{{{ host }}}}\n")

    server = Server(wharf, directory)
    try:
        configure(0)
        first = server.ship()
        images, changes, loads, idle = [], [], [], []
        # One round more than is counted warms the caches of both.
        for number in range(rounds + 1):
            configure(2 * number + 1)
            images.append(server.ship("--prepare"))
            configure(2 * number + 2)
            changes.append(server.ship())
            idle.append(server.ship())
            loads.append(server.save_and_load())
        images, changes, loads, idle = images[1:], changes[1:], loads[1:], idle[1:]
        median = lambda works: statistics.median(work.seconds for work in works)
        most = lambda works: max(work.sent for work in works)
        no_op = median(idle)
        kept = [
            ratio(FIRST, first.sent / 1e6, compressed_layers(directory) / 1e6, 1.05, "MB"),
            ratio(CONFIG_TIME, median(images), median(loads), 0.15, "s"),
            (CONFIG_UP, f"- {CONFIG_UP}: {median(changes):.4g} s, {median(changes) / median(loads):.4f} of {median(loads):.4g} s", True),
            ratio(CONFIG_BYTES, most(changes) / 1e6, most(loads) / 1e6, 0.01, "MB"),
            (NO_OP, f"- {NO_OP}: {no_op * 1000:.0f} ms, wanted: 1 s at most", no_op <= 1),
        ]
        return [one for one in kept if one[0] in wanted]
    finally:
        server.at_home("down", "--volumes", "--timeout", "0")
