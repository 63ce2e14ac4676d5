#!/usr/bin/env python3
"""Times wharf and docker compose side by side and prints a table in Markdown.

Both do the same work with the same arguments on the same engine, in alternation, each on a project of its own. A row
shows medians of the wall-clock time and the highest peak of resident memory. Only Python's own library is needed, and
GNU time, which measures memory without counting this interpreter's.
"""

import argparse
import http.client
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Callable, Optional

import ship

IMAGE = "debian:bookworm-slim"
UP = "up -d --wait"
REMOVE = "down -v -t 0"
BACKENDS = "build db ldap mq"
STACK = "build base dev db ldap mq"


HOME = Path(__file__).resolve().parent.parent


# --- projects: generated layers, or files of this repository ---


def many_services(count: int, layers: int = 5) -> list[dict]:
    """A base layer with `count` services, and layers that each change every service in another way."""

    def base(number: int) -> dict:
        service = {
            "image": f"registry.example/team/app-{number}:${{TAG:-1.0}}",
            "command": ["serve", "--port", str(8000 + number % 1000)],
            "environment": {"NAME": f"s{number}", "LEVEL": "${LEVEL:-info}", "URL": f"http://s{number}:8000/"},
            "volumes": [f"data{number % 20}:/var/lib/data", "./src:/src:ro"],
            "healthcheck": {"test": ["CMD", "true"], "interval": "5s", "retries": 3},
            "labels": {"team": f"t{number % 7}", "tier": "backend"},
        }
        if number:
            service["depends_on"] = {f"s{number // 2}": {"condition": "service_healthy"}}
        return service

    changes: list[Callable[[int], dict]] = [
        lambda number: {"environment": [f"REPLICA={number}", "LEVEL=debug"], "restart": "unless-stopped"},
        lambda number: {"ports": [f"127.0.0.1:{10000 + number}:8000"], "mem_limit": "64m"},
        lambda number: {"labels": [f"rank={number}"], "stop_grace_period": "1m30s", "cap_drop": ["ALL"]},
        lambda number: {"command": "serve --quiet", "volumes": ["/var/cache/shared:/cache"], "read_only": True},
    ]
    documents = [{"services": {f"s{n}": base(n) for n in range(count)}, "volumes": {f"data{n}": {} for n in range(20)}}]
    for layer in range(layers - 1):
        change = changes[layer % len(changes)]
        documents.append({"services": {f"s{n}": change(n) for n in range(count)}})
    return documents


def sleepers(count: int, healthcheck: Optional[dict] = None) -> list[dict]:
    service: dict = {"image": IMAGE, "command": ["sleep", "infinity"], "init": True}
    if healthcheck:
        service["healthcheck"] = healthcheck
    return [{"services": {f"s{n}": service for n in range(count)}}]


def tested() -> list[dict]:
    """A backend that is ready at once, and a service for tests that need no time."""
    backend = {"image": IMAGE, "command": ["sleep", "infinity"], "init": True, "healthcheck": {"test": ["CMD", "true"], "interval": "2s"}}
    tests = {"image": IMAGE, "command": ["true"], "depends_on": {"db": {"condition": "service_healthy"}}}
    return [{"services": {"db": backend, "tests": tests}, "x-wharf": {"test": {"service": "tests"}}}]


# How long the slow backend of `timed` takes to be ready, and its tests, in seconds.
READY, TESTS = 3, 2


def timed() -> list[dict]:
    """A backend that takes its time, others that take none, and tests that take theirs."""

    def backend(command: str, probe: list[str]) -> dict:
        return {"image": IMAGE, "command": ["sh", "-c", f"{command}exec sleep infinity"], "init": True, "healthcheck": {"test": ["CMD", *probe], "interval": "2s"}}

    services = {f"s{number}": backend("", ["true"]) for number in range(4)}
    services["db"] = backend(f"sleep {READY}; touch /ready; ", ["test", "-e", "/ready"])
    needs = {name: {"condition": "service_healthy"} for name in services}
    services["tests"] = {"image": IMAGE, "command": ["sh", "-c", f"echo first; sleep {TESTS}"], "depends_on": needs}
    return [{"services": services, "x-wharf": {"test": {"service": "tests"}}}]


GENERATED: dict[str, Callable[[], list[dict]]] = {
    "config-1000": lambda: many_services(1000),
    "config-10000": lambda: many_services(10000),
    "plain-10": lambda: sleepers(10),
    "probed-10": lambda: sleepers(10, {"test": ["CMD", "true"], "interval": "2s"}),
    "plain-100": lambda: sleepers(100),
    "tested": tested,
    "timed": timed,
    "context": lambda: [{"services": {"app": {"build": "."}}}],
}

# A context that is larger than the memory that its build may take, in megabytes.
CONTEXT = 500

COMMITTED = {"bundled": ["docker-compose.base.yml", "docker-compose.test.yml"]}


def layers_of(project: str, directory: Path) -> list[Path]:
    if project in COMMITTED:
        return [HOME / name for name in COMMITTED[project]]
    target = directory / project
    if not target.exists():
        target.mkdir()
        if project == "context":
            (target / "Dockerfile").write_text("FROM scratch\nCOPY big /\n")
            with open(target / "big", "wb") as big:
                big.truncate(CONTEXT << 20)
        for number, document in enumerate(GENERATED[project]()):
            (target / f"layer-{number}.yml").write_text(yaml(document))
    return sorted(target.glob("layer-*.yml"))


# --- cases ---


@dataclass
class Case:
    """One row of the table.

    `images` is built once by wharf, for all, because docker compose does not know their order; `first` runs once ahead
    of all measurements of a tool, `before` ahead of every one, both untimed. `instead` are the commands that docker
    compose needs for the same; their times are added. `time` and `memory` are the highest share of docker compose's
    that is wanted; `None` where nothing is.
    """

    name: str
    project: str
    command: str
    images: Optional[str] = None
    first: Optional[str] = None
    before: Optional[str] = None
    instead: tuple[str, ...] = ()
    time: Optional[float] = None
    memory: Optional[float] = 1 / 3
    same_output: bool = False
    # What wharf is called with instead, where its own manners would compare two different things.
    ours: Optional[str] = None
    peer: str = "compose"
    # Services and what they log when they are ready by themselves: the row is also measured against the slowest one,
    # from the start of its container on, in the same runs of wharf.
    readiness: dict[str, str] = field(default_factory=dict)

    @property
    def needs_engine(self) -> bool:
        return not self.command.startswith("config")


CASES = [
    Case("config, 1000 services in 5 layers", "config-1000", "config --format json", time=1 / 20, memory=1 / 4, same_output=True),
    Case("up --wait, 10 services", "plain-10", UP, before=REMOVE, time=0.55),
    Case("up, 10 services, against the bare API calls", "plain-10", "up -d", before=REMOVE, time=1.15, memory=None, peer="api"),
    Case("up --wait, 10 services, probed every 2 s", "probed-10", UP, before=REMOVE, time=0.30),
    Case(
        "up --wait, db + ldap + mq of the bundled stack",
        "bundled",
        f"{UP} db ldap mq",
        images=BACKENDS,
        before=REMOVE,
        time=0.60,
        readiness={
            "db": "database system is ready to accept connections",
            "mq": "completed with",
        },
    ),
    Case("build of the bundled stack, all cached", "bundled", STACK, images=STACK, first=STACK, ours=f"{STACK} --no-skip", time=0.25),
    Case("the same against bake", "bundled", STACK, images=STACK, first=STACK, ours=f"{STACK} --no-skip", time=0.25, peer="bake"),
    Case("up --wait, nothing to do", "plain-10", UP, first=UP, time=0.10),
    Case("ps", "plain-10", "ps", first=UP, time=0.35),
    Case("logs --tail 10", "plain-10", "logs --tail 10", first=UP, time=0.35),
    Case("exec true", "plain-10", "exec -T s0 true", first=UP, time=0.35),
    Case("run --rm, running stack", "plain-10", "run --rm -T s0 true", first=UP, time=0.50),
    Case("run --rm, running stack, against the bare API calls", "plain-10", "run --rm -T s0 true", first=UP, memory=None, peer="api"),
    Case("down", "plain-10", "down", before=UP),
    Case("test: start, verdict, clean", "tested", "test", instead=("up -d --wait db", "run --rm -T tests", REMOVE), time=0.60),
    Case(
        "test: start, verdict, clean; integration tests of the bundled stack",
        "bundled",
        "test integration",
        images="build",
        instead=("up -d --wait db ldap mq", "run --rm -T app test -m integration", REMOVE),
        time=0.60,
    ),
    Case(f"test: {READY} s until the slowest of 5 services is ready and {TESTS} s of tests, against the bare API calls", "timed", "test", memory=None, peer="api"),
    Case("up, 100 services", "plain-100", "up -d", before=REMOVE, time=0.80),
    Case("up, 100 services, against the bare API calls", "plain-100", "up -d", before=REMOVE, time=1.15, memory=None, peer="api"),
]

# What an `up --wait` may take of the time that its slowest service needs by itself.
READINESS = 1.10


@dataclass
class Limit:
    """What wharf alone has to keep: a command's median stays under `seconds`, or under `times` that of `against`; or its
    memory under `megabytes`. `work` is what would take its time without wharf too, in seconds, and does not count.
    `warm`: the time until the tests' first line, in a stack that stood ready."""

    name: str
    project: Optional[str]
    command: str
    seconds: Optional[float] = None
    against: Optional[str] = None
    times: Optional[float] = None
    megabytes: Optional[int] = None
    work: float = 0
    warm: bool = False


LIMITS = [
    Limit(f"test: all but {READY} s until the slowest of 5 services is ready and {TESTS} s of tests", "timed", "test", seconds=1.0, work=READY + TESTS),
    Limit("test --warm: until the first line", "timed", "test --warm", seconds=1.0, warm=True),
    Limit("test --warm: until the first line; integration tests of the bundled stack", "bundled", "test --warm integration", seconds=1.0, warm=True),
    Limit("build of the bundled stack, nothing changed", "bundled", STACK, seconds=0.05),
    Limit(f"build with a context of {CONTEXT} MB", "context", "build --no-cache", megabytes=64),
    Limit("--version", None, "--version", seconds=0.005),
    Limit("config, 10000 services in 5 layers", "config-10000", "config", against="config-1000", times=12),
]


# --- measuring ---

# Images of a bench are told from those that people use.
# bake asks before it reads what lies outside of a context: the certificates.
ENVIRONMENT = {**os.environ, "TAG": "bench", "BUILDX_BAKE_ENTITLEMENTS_FS": "0"}


@dataclass
class Sample:
    seconds: float
    kilobytes: int
    output: bytes


class Tool:
    """A command line that understands docker compose's arguments, with a project name of its own."""

    def __init__(self, name: str, command: list[str], directory: Path):
        self.name = name
        self.command = command
        self.directory = directory
        self.measured = shutil.which("time") or sys.exit("GNU time is missing (Debian: time)")

    def arguments(self, project: str, words: str) -> list[str]:
        flags = [flag for file in layers_of(project, self.directory) for flag in ("-f", str(file))]
        # What is compared must not differ in the name.
        name = "bench" if words.startswith("config") else f"bench-{self.name}-{project}"
        return [*self.command, *flags, "-p", name, *words.split()]

    def run(self, project: str, words: str) -> Sample:
        return self.execute(self.arguments(project, words))

    def clean_up(self, project: str) -> None:
        arguments = self.arguments(project, REMOVE)
        subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, env=ENVIRONMENT)

    def work(self, case: Case) -> Sample:
        """What the row is about, in as many commands as this tool needs for it."""
        if self.name == "compose" and case.instead:
            commands = case.instead
        else:
            commands = (case.ours if case.ours and self.name == "wharf" else case.command,)
        samples = [self.run(case.project, command) for command in commands]
        return Sample(sum(sample.seconds for sample in samples), max(sample.kilobytes for sample in samples), samples[-1].output)

    def execute(self, arguments: list[str]) -> Sample:
        peak = self.directory / "peak"
        command = [self.measured, "-f", "%M", "-o", str(peak), *arguments]
        start = time.perf_counter()
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=ENVIRONMENT)
        seconds = time.perf_counter() - start
        if done.returncode != 0:
            sys.exit(f"error: {' '.join(command)}\nended with {done.returncode}:\n{done.stderr.decode(errors='replace')[-3000:]}")
        return Sample(seconds, int(peak.read_text().split()[-1]), done.stdout)


class WarmStacks:
    """Stacks of a project that stand ready for its tests."""

    def __init__(self, wharf: Tool, project: str):
        self.wharf = wharf
        self.prefix = f"bench-{wharf.name}-{project}-"

    def runs(self) -> set[str]:
        """Ids of those that nobody has taken."""
        listed = subprocess.run(["docker", "volume", "ls", "--quiet"], capture_output=True, text=True, check=True).stdout.split()
        ids = {sign: {name[len(self.prefix) : -len(sign)] for name in listed if name.startswith(self.prefix) and name.endswith(sign)} for sign in ("_warm", "_taken")}
        return ids["_warm"] - ids["_taken"]

    def wait(self) -> None:
        deadline = time.monotonic() + 300
        while not self.runs():
            if time.monotonic() > deadline:
                sys.exit(f"error: no stack of {self.prefix}* stands ready after 300 s")
            time.sleep(0.2)

    def first_line(self, arguments: list[str]) -> float:
        """Seconds until the tests write."""
        self.wait()
        # The process that prepares a stack looks once a second whether it is taken; it does not belong to what is measured.
        time.sleep(2)
        start = time.perf_counter()
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
        process.stdout.readline()
        seconds = time.perf_counter() - start
        process.stdout.read()
        if process.wait() != 0:
            sys.exit(f"error: {' '.join(arguments)} ended with {process.returncode}")
        return seconds

    def remove(self) -> None:
        self.wait()
        for run in self.runs():
            subprocess.run([*self.wharf.command, "gc", "--run", run], capture_output=True)


class Bake(Tool):
    """`docker buildx bake`, which knows the words of `build` only."""

    def arguments(self, project: str, words: str) -> list[str]:
        verb, *targets = words.split()
        if verb != "build":
            return ["true"]
        flags = [flag for file in layers_of(project, self.directory) for flag in ("-f", str(file))]
        return [*self.command, *flags, "--load", *targets]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str):
        super().__init__("engine")
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Bare(Tool):
    """The calls of the engine's API that a verb comes to in a generated project, and nothing else, as many at once as
    wharf makes: what no tool can be faster than."""

    CALLS_AT_ONCE = 16

    def call(self, method: str, path: str, body: Optional[dict] = None) -> dict:
        connection = UnixConnection(os.environ["DOCKER_HOST"].removeprefix("unix://"))
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status >= 400:
            sys.exit(f"error: {method} {path}: {answer.status} {content.decode(errors='replace')}")
        return json.loads(content) if content else {}

    def run(self, project: str, words: str) -> Sample:
        name = f"bench-{self.name}-{project}"
        services = {} if project in COMMITTED else {name: one for document in GENERATED[project]() for name, one in document["services"].items()}
        with ThreadPoolExecutor(self.CALLS_AT_ONCE) as pool:
            start = time.perf_counter()
            match words.split()[0]:
                case "down":
                    self.remove(name, pool)
                case "up":
                    self.make_network(name)
                    list(pool.map(lambda service: self.bring_up(name, *service), services.items()))
                case "run":
                    self.run_to_its_end(name, "one-off", {**services["s0"], "command": ["true"]})
                case "test":
                    self.test(name, services, pool)
            return Sample(time.perf_counter() - start, 0, b"")

    def test(self, project: str, services: dict, pool: ThreadPoolExecutor) -> None:
        """The slowest service first, the others while it gets ready, then the tests."""
        tests = services.pop("tests")
        self.make_network(project)
        self.bring_up(project, "db", services.pop("db"))
        ready = time.perf_counter() + READY
        list(pool.map(lambda service: self.bring_up(project, *service), services.items()))
        time.sleep(max(0, ready - time.perf_counter()))
        self.run_to_its_end(project, "tests", tests)
        self.remove(project, pool)

    def make_network(self, project: str) -> None:
        self.call("POST", "/networks/create", {"Name": project, "Labels": {"bench": project}})

    def remove(self, project: str, pool: ThreadPoolExecutor) -> None:
        filters = "filters=%7B%22label%22%3A%5B%22bench%3D" + project + "%22%5D%7D"
        containers = self.call("GET", f"/containers/json?all=1&{filters}")
        list(pool.map(lambda one: self.call("DELETE", f"/containers/{one['Id']}?force=1&v=1"), containers))
        for network in self.call("GET", f"/networks?{filters}"):
            self.call("DELETE", f"/networks/{network['Id']}")

    def clean_up(self, project: str) -> None:
        self.run(project, REMOVE)

    def run_to_its_end(self, project: str, name: str, service: dict) -> None:
        made = self.bring_up(project, name, service)
        self.call("POST", f"/containers/{made}/wait")
        self.call("DELETE", f"/containers/{made}")

    def bring_up(self, project: str, name: str, service: dict) -> str:
        body = {
            "Image": service["image"],
            "Cmd": service["command"],
            "Labels": {"bench": project},
            "HostConfig": {"Init": service.get("init", False), "NetworkMode": project},
            "NetworkingConfig": {"EndpointsConfig": {project: {"Aliases": [name]}}},
        }
        made = self.call("POST", f"/containers/create?name={project}-{name}-1", body)
        self.call("POST", f"/containers/{made['Id']}/start")
        return made["Id"]


def moment(text: str) -> float:
    """Seconds of one of the engine's times, which have nanoseconds."""
    date, fraction = re.fullmatch(r"(.*?)(\.\d+)?Z", text.strip()).groups()
    return datetime.fromisoformat(date + "+00:00").timestamp() + float(fraction or 0)


def own_readiness(case: Case) -> float:
    """Seconds from the start of a container of wharf's to its word that it is ready, of the slowest service."""

    def docker(*words: str) -> str:
        done = subprocess.run(["docker", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.stdout.decode(errors="replace")

    slowest = 0.0
    for service, words in case.readiness.items():
        name = f"bench-wharf-{case.project}-{service}-1"
        started = moment(docker("inspect", "--format", "{{.State.StartedAt}}", name))
        lines = [line for line in docker("logs", "--timestamps", name).splitlines() if words in line]
        if not lines:
            sys.exit(f"error: {name} has not logged `{words}`")
        slowest = max(slowest, moment(lines[-1].split()[0]) - started)
    return slowest


@dataclass
class Row:
    case: Case
    samples: dict[str, list[Sample]]
    # One for each sample of wharf; empty where the case asks for none.
    own: list[float] = field(default_factory=list)

    @property
    def readiness_ratio(self) -> Optional[float]:
        pairs = zip(self.samples["wharf"], self.own)
        return statistics.median(sample.seconds / own for sample, own in pairs) if self.own else None

    def median(self, tool: str) -> float:
        return statistics.median(sample.seconds for sample in self.samples[tool])

    def peak(self, tool: str) -> int:
        return max(sample.kilobytes for sample in self.samples[tool])

    def spread(self, tool: str) -> float:
        seconds = [sample.seconds for sample in self.samples[tool]]
        return max(seconds) - min(seconds)

    @property
    def time_ratio(self) -> float:
        return self.median("wharf") / self.median(self.case.peer)

    @property
    def memory_ratio(self) -> float:
        return self.peak("wharf") / max(self.peak(self.case.peer), 1)

    @property
    def missed(self) -> bool:
        over_time = self.case.time is not None and self.time_ratio > self.case.time
        over_memory = self.case.memory is not None and self.memory_ratio > self.case.memory
        over_readiness = self.readiness_ratio is not None and self.readiness_ratio > READINESS
        return over_time or over_memory or over_readiness

    def as_markdown(self) -> str:
        cells = [self.case.name]
        cells += [duration(self.median(tool)) for tool in ("wharf", self.case.peer)]
        cells += [f"**{self.time_ratio:.3f}**", limit(self.case.time)]
        if self.case.memory is None:
            cells += ["", "", "", ""]
        else:
            cells += [f"{self.peak(tool) / 1024:.0f} MB" for tool in ("wharf", self.case.peer)]
            cells += [f"{self.memory_ratio:.2f}", limit(self.case.memory)]
        return "| " + " | ".join(cells) + " |"

    def beside(self) -> Optional[str]:
        """A line below the table."""
        if self.readiness_ratio is None:
            return None
        own = duration(statistics.median(self.own))
        return f"- {self.case.name}: {self.readiness_ratio:.2f} times the slowest service's own {own}, wanted: {READINESS:.2f} at most"

    def as_json(self) -> dict:
        tools = {
            tool: {"median_s": self.median(tool), "spread_s": self.spread(tool), "peak_kb": self.peak(tool), "runs": len(samples)}
            for tool, samples in self.samples.items()
        }
        return {"case": self.case.name, **tools, "time_ratio": self.time_ratio, "memory_ratio": self.memory_ratio, "readiness_ratio": self.readiness_ratio, "missed": self.missed}


HEADER = """\
| work | wharf | the other | time ratio | wanted | wharf's peak | the other's peak | memory ratio | wanted |
|---|--:|--:|--:|--:|--:|--:|--:|--:|"""


def duration(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def limit(share: Optional[float]) -> str:
    return "" if share is None else f"{share:.2f}"


def measure(case: Case, tools: list[Tool], rounds: int) -> Row:
    tools = [tool for tool in tools if tool.name in ("wharf", case.peer)]
    row = Row(case, {tool.name: [] for tool in tools})
    try:
        if case.needs_engine:
            # A run that was killed may have left something.
            for tool in tools:
                tool.clean_up(case.project)
        if case.images:
            tools[0].run(case.project, case.images)
        for tool in tools:
            if case.first:
                tool.run(case.project, case.first)
        # One round more than is counted warms the caches of both.
        for number in range(rounds + 1):
            for tool in tools:
                if case.before:
                    tool.run(case.project, case.before)
                sample = tool.work(case)
                if number:
                    row.samples[tool.name].append(sample)
                if number and case.readiness and tool.name == "wharf":
                    row.own.append(own_readiness(case))
    finally:
        if case.needs_engine:
            for tool in tools:
                tool.clean_up(case.project)
    if case.same_output:
        results = [json.loads(row.samples[tool.name][0].output) for tool in tools]
        if results[0] != results[1]:
            sys.exit(f"error: {case.name}: the two print different results, so their times cannot be compared")
    return row


def median_of(wharf: Tool, limit: Limit, project: Optional[str], rounds: int) -> float:
    arguments = wharf.arguments(project, limit.command) if project else [*wharf.command, *limit.command.split()]
    wharf.execute(arguments)
    if limit.warm and project:
        stacks = WarmStacks(wharf, project)
        try:
            return statistics.median(stacks.first_line(arguments) for _ in range(rounds))
        finally:
            stacks.remove()
    return statistics.median(wharf.execute(arguments).seconds for _ in range(rounds))


def keep(limit: Limit, wharf: Tool, rounds: int) -> tuple[str, bool]:
    """A line about a limit, and whether it is kept."""
    if limit.megabytes is not None:
        peak = wharf.run(limit.project, limit.command).kilobytes / 1024
        return f"- {limit.name}: {peak:.0f} MB, wanted: {limit.megabytes} MB at most", peak <= limit.megabytes
    measured = median_of(wharf, limit, limit.project, rounds) - limit.work
    if limit.seconds is not None:
        return f"- {limit.name}: {duration(measured)}, wanted: {duration(limit.seconds)} at most", measured <= limit.seconds
    times = measured / median_of(wharf, limit, limit.against, rounds)
    return f"- {limit.name}: {duration(measured)}, {times:.1f} times {limit.against}, wanted: {limit.times} at most", times <= limit.times


def yaml(value: object, depth: int = 0) -> str:
    """Block style for mappings, flow style for the rest: what parsers meet in life, which JSON is not."""
    if not isinstance(value, dict) or not value:
        return " " + json.dumps(value) + "\n"
    lines = "".join(f"{'  ' * depth}{json.dumps(key)}:{yaml(item, depth + 1)}" for key, item in value.items())
    return lines if depth == 0 else "\n" + lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wharf", default="target/release/wharf", help="the binary (default: %(default)s)")
    parser.add_argument("--compose", default="docker compose", help="what it is measured against (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each, at least 7 for a published number (default: %(default)s)")
    parser.add_argument("--only", default="", help="only cases whose name holds this")
    parser.add_argument("--json", metavar="FILE", help="write the numbers there as well")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a wanted ratio is missed")
    options = parser.parse_args()

    cases = [case for case in CASES if options.only in case.name]
    limits = [limit for limit in LIMITS if options.only in limit.name]
    shipping = [name for name in ship.NAMES if options.only in name]
    if not cases and not limits and not shipping:
        names = ", ".join(f"`{name}`" for name in [*(item.name for item in [*CASES, *LIMITS]), *ship.NAMES])
        sys.exit(f"error: no case has `{options.only}` in its name; there are {names}")
    # Ends as Ctrl-C does, so that what was started is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="wharf-bench-") as path:
        directory = Path(path)
        tools = [
            Tool("wharf", [os.path.abspath(options.wharf)], directory),
            Tool("compose", options.compose.split(), directory),
            Bake("bake", ["docker", "buildx", "bake"], directory),
            Bare("api", [], directory),
        ]
        rows = []
        for case in cases:
            if not rows:
                print(HEADER)
            print(f"measuring: {case.name}", file=sys.stderr)
            rows.append(measure(case, tools, options.rounds))
            print(rows[-1].as_markdown(), flush=True)
        kept = [(limit.name, *keep(limit, tools[0], options.rounds)) for limit in limits]
        kept += ship.keep(options.only, tools[0].command, options.rounds, directory)
    if options.json:
        Path(options.json).write_text(json.dumps([row.as_json() for row in rows], indent=1) + "\n")
    print()
    for _, line, _ in kept:
        print(line)
    for row in rows:
        if row.beside():
            print(row.beside())
    missed = [row.case.name for row in rows if row.missed] + [name for name, _, fine in kept if not fine]
    total = len(rows) + len(kept)
    print(f"\nMedians of {options.rounds} measurements in alternation; {total - len(missed)} of {total} reach what is wanted.")
    for name in missed:
        print(f"- missed: {name}")
    if missed and options.strict:
        sys.exit(1)


if __name__ == "__main__":
    main()
