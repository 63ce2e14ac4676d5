#!/usr/bin/env python3
"""Times wharf and docker compose side by side and prints a table in Markdown.

Both do the same work with the same arguments on the same engine, in alternation, each on a project of its own. A row
shows medians of the wall-clock time and the highest peak of resident memory. Only Python's own library is needed, and
GNU time, which measures memory without counting this interpreter's.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

IMAGE = "debian:bookworm-slim"
UP = "up -d --wait"
REMOVE = "down -v -t 0"


# --- projects, each a list of layers that may be written to a directory ---


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


PROJECTS: dict[str, Callable[[], list[dict]]] = {
    "config-1000": lambda: many_services(1000),
    "plain-10": lambda: sleepers(10),
    "probed-10": lambda: sleepers(10, {"test": ["CMD", "true"], "interval": "2s"}),
    "plain-100": lambda: sleepers(100),
}


# --- cases ---


@dataclass
class Case:
    """One row of the table.

    `before` runs, untimed, ahead of every measurement; `first` once ahead of all of them. `time` and `memory` are the
    highest share of docker compose's that is wanted; `None` where nothing is.
    """

    name: str
    project: str
    command: str
    first: Optional[str] = None
    before: Optional[str] = None
    time: Optional[float] = None
    memory: Optional[float] = 1 / 3
    same_output: bool = False

    @property
    def needs_engine(self) -> bool:
        return not self.command.startswith("config")


CASES = [
    Case("config, 1000 services in 5 layers", "config-1000", "config --format json", time=1 / 20, memory=1 / 4, same_output=True),
    Case("up --wait, 10 services", "plain-10", UP, before=REMOVE, time=0.55),
    Case("up --wait, 10 services, probed every 2 s", "probed-10", UP, before=REMOVE, time=0.30),
    Case("up --wait, nothing to do", "plain-10", UP, first=UP, time=0.10),
    Case("ps", "plain-10", "ps", first=UP, time=0.35),
    Case("logs --tail 10", "plain-10", "logs --tail 10", first=UP, time=0.35),
    Case("exec true", "plain-10", "exec -T s0 true", first=UP, time=0.35),
    Case("run --rm, running stack", "plain-10", "run --rm -T s0 true", first=UP, time=0.50),
    Case("down", "plain-10", "down", before=UP),
    Case("up, 100 services", "plain-100", "up -d", before=REMOVE, time=0.80),
]


# --- measuring ---


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
        files = sorted((self.directory / project).glob("layer-*.yml"))
        flags = [flag for file in files for flag in ("-f", str(file))]
        # What is compared must not differ in the name.
        name = "bench" if words.startswith("config") else f"bench-{self.name}-{project}"
        return [*self.command, *flags, "-p", name, *words.split()]

    def run(self, project: str, words: str) -> Sample:
        peak = self.directory / "peak"
        command = [self.measured, "-f", "%M", "-o", str(peak), *self.arguments(project, words)]
        start = time.perf_counter()
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
        seconds = time.perf_counter() - start
        if done.returncode != 0:
            sys.exit(f"error: {' '.join(command)}\nended with {done.returncode}:\n{done.stderr.decode(errors='replace')[-3000:]}")
        return Sample(seconds, int(peak.read_text().split()[-1]), done.stdout)


@dataclass
class Row:
    case: Case
    samples: dict[str, list[Sample]]

    def median(self, tool: str) -> float:
        return statistics.median(sample.seconds for sample in self.samples[tool])

    def peak(self, tool: str) -> int:
        return max(sample.kilobytes for sample in self.samples[tool])

    def spread(self, tool: str) -> float:
        seconds = [sample.seconds for sample in self.samples[tool]]
        return max(seconds) - min(seconds)

    @property
    def time_ratio(self) -> float:
        return self.median("wharf") / self.median("compose")

    @property
    def memory_ratio(self) -> float:
        return self.peak("wharf") / self.peak("compose")

    @property
    def missed(self) -> bool:
        over_time = self.case.time is not None and self.time_ratio > self.case.time
        over_memory = self.case.memory is not None and self.memory_ratio > self.case.memory
        return over_time or over_memory

    def as_markdown(self) -> str:
        cells = [self.case.name]
        cells += [duration(self.median(tool)) for tool in ("wharf", "compose")]
        cells += [f"**{self.time_ratio:.3f}**", limit(self.case.time)]
        cells += [f"{self.peak(tool) / 1024:.0f} MB" for tool in ("wharf", "compose")]
        cells += [f"{self.memory_ratio:.2f}", limit(self.case.memory)]
        return "| " + " | ".join(cells) + " |"

    def as_json(self) -> dict:
        tools = {
            tool: {"median_s": self.median(tool), "spread_s": self.spread(tool), "peak_kb": self.peak(tool), "runs": len(samples)}
            for tool, samples in self.samples.items()
        }
        return {"case": self.case.name, **tools, "time_ratio": self.time_ratio, "memory_ratio": self.memory_ratio, "missed": self.missed}


HEADER = """\
| work | wharf | compose | time ratio | wanted | wharf's peak | compose's peak | memory ratio | wanted |
|---|--:|--:|--:|--:|--:|--:|--:|--:|"""


def duration(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def limit(share: Optional[float]) -> str:
    return "" if share is None else f"{share:.2f}"


def measure(case: Case, tools: list[Tool], rounds: int) -> Row:
    row = Row(case, {tool.name: [] for tool in tools})
    try:
        for tool in tools:
            if case.first:
                tool.run(case.project, case.first)
        # One round more than is counted warms the caches of both.
        for number in range(rounds + 1):
            for tool in tools:
                if case.before:
                    tool.run(case.project, case.before)
                sample = tool.run(case.project, case.command)
                if number:
                    row.samples[tool.name].append(sample)
    finally:
        if case.needs_engine:
            for tool in tools:
                subprocess.run(tool.arguments(case.project, REMOVE), stdin=subprocess.DEVNULL, capture_output=True)
    if case.same_output:
        results = [json.loads(row.samples[tool.name][0].output) for tool in tools]
        if results[0] != results[1]:
            sys.exit(f"error: {case.name}: the two print different results, so their times cannot be compared")
    return row


def write_projects(directory: Path, names: set[str]) -> None:
    for name in names:
        (directory / name).mkdir()
        for number, document in enumerate(PROJECTS[name]()):
            # JSON is YAML; but layers are written by hand, so the parsers shall see what they see in life.
            (directory / name / f"layer-{number}.yml").write_text(yaml(document))


def yaml(value: object, depth: int = 0) -> str:
    """Block style for mappings, flow style for the rest."""
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
    if not cases:
        sys.exit(f"error: no case has `{options.only}` in its name; there are: {', '.join(case.name for case in CASES)}")
    with tempfile.TemporaryDirectory(prefix="wharf-bench-") as path:
        directory = Path(path)
        write_projects(directory, {case.project for case in cases})
        tools = [
            Tool("wharf", [os.path.abspath(options.wharf)], directory),
            Tool("compose", options.compose.split(), directory),
        ]
        print(HEADER)
        rows = []
        for case in cases:
            print(f"measuring: {case.name}", file=sys.stderr)
            rows.append(measure(case, tools, options.rounds))
            print(rows[-1].as_markdown(), flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps([row.as_json() for row in rows], indent=1) + "\n")
    missed = [row.case.name for row in rows if row.missed]
    print(f"\nMedians of {options.rounds} measurements in alternation; {len(rows) - len(missed)} of {len(rows)} reach what is wanted.")
    for name in missed:
        print(f"- missed: {name}")
    if missed and options.strict:
        sys.exit(1)


if __name__ == "__main__":
    main()
