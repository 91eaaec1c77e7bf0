"""What an analysis and an audit of the demo's model take from a cold start, where that goes, and
what ``--help`` takes.

    python -m validation.performance.start [--repeats N]

All are whole processes, started one after the other in turns. Given are the medians over the turns
of the seconds, of those that processors were busy, and of the ratios, within a turn, to an
interpreter that does nothing and to one that imports the libraries that an audit cannot do without.
One more process of each turn times its own stages: a stage that another one calls is taken out of
that one's time, and so are imports, wherever they happen. Fails where ``onnxtaylor --help`` takes
half a second or more.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from onnxtaylor.files.whole import write_whole
from validation.performance.peers.compare import load, machine

__all__ = ["BEGIN", "END", "Measured", "as_markdown", "main", "measure", "packages", "with_tables"]

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- start -->", "<!-- /start -->"
LIMIT = 0.5  # seconds of --help
NOTHING, CORE, HELP, ANALYZE, AUDIT = "pass", "core", "help", "analyze", "audit"
LIBRARIES = ("numpy", "onnx", "onnxruntime", "numba", "pyarrow")
FORMATS = ("json", "markdown", "junit", "sarif", "github", "html")
# stages of an audit: what it is called in the table, and the functions, where they are called from
STAGES = {
    "policy": ("onnxtaylor.audit.policy:find_policy", "onnxtaylor.audit.policy:read_policy"),
    "reading the model": (
        "onnxtaylor.audit.evidence:read_model",
        "onnxtaylor.problem.problem:read_model",
    ),
    "reading the data": (
        "onnxtaylor.audit.evidence:open_data",
        "onnxtaylor.problem.problem:open_data",
        "onnxtaylor.problem.problem:survey",
    ),
    "probes": ("onnxtaylor.problem.buckets:open_model",),
    "derivatives and their sessions": ("onnxtaylor.run.prepare:make_engine",),
    "events": ("onnxtaylor.run.begun:accumulate",),
    "cross-check of the engines": ("onnxtaylor.run.begun:compare_engines",),
    "checks of the policy": ("onnxtaylor.audit.service:_outcome",),
    "formats": ("onnxtaylor.cli.audit:_write_reports",),
}
CHILD = """
import builtins, functools, importlib, json, sys, time
begin = time.perf_counter()
spent, stack = {}, []

def timed(name, function):
    @functools.wraps(function)
    def run(*args, **kwargs):
        if stack and stack[-1][0] == name:
            return function(*args, **kwargs)
        stack.append([name, 0.0])
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            took = time.perf_counter() - start
            _, inner = stack.pop()
            spent[name] = spent.get(name, 0.0) + took - inner
            if stack:
                stack[-1][1] += took
    return run

usual = builtins.__import__
builtins.__import__ = timed("imports", usual)
stages, words = json.loads(sys.argv[1]), sys.argv[2:]
for name, places in stages.items():
    for place in places:
        module, _, attribute = place.partition(":")
        __import__(module)
        found = sys.modules[module]
        setattr(found, attribute, timed(name, getattr(found, attribute)))
from onnxtaylor.cli import main
status = main(words)
builtins.__import__ = usual
whole = time.perf_counter() - begin
print(json.dumps({"status": status, "whole": whole, "spent": spent}), file=sys.stderr)
"""


@dataclass
class Measured:
    """Seconds of whole processes by name, those that processors were busy with them, seconds of the
    stages of an audit, and of imported packages.
    """

    processes: dict[str, list[float]] = field(default_factory=dict)
    processors: dict[str, list[float]] = field(default_factory=dict)
    stages: dict[str, list[float]] = field(default_factory=dict)
    packages: dict[str, list[float]] = field(default_factory=dict)

    def seconds(self, name: str) -> float:
        """The median over the turns."""
        return statistics.median(self.processes[name])

    def times(self, name: str, base: str) -> float:
        """The median ratio of a process to another one of its turn."""
        pairs = zip(self.processes[name], self.processes[base], strict=True)
        return statistics.median(mine / its for mine, its in pairs)


def commands(folder: Path) -> dict[str, tuple[str, list[str]]]:
    """What is timed: its title, and the words behind the interpreter's name."""
    demo = files("onnxtaylor") / "demo"
    model, data = str(demo / "higgs.onnx"), str(demo / "higgs.parquet")
    analyze = ["analyze", model, data, "--label", "Label", "--weight", "Weight"]
    audit = ["audit", model, data, "--policy", str(demo / "audit.toml")]
    reports = [w for kind in FORMATS for w in ("--report", f"{kind}:{folder / 'audit'}.{kind}")]
    program = ["-m", "onnxtaylor"]
    return {
        NOTHING: ("`python -c pass`", ["-c", "pass"]),
        CORE: (f"importing {', '.join(LIBRARIES)}", ["-c", f"import {', '.join(LIBRARIES)}"]),
        HELP: ("`onnxtaylor --help`", [*program, "--help"]),
        ANALYZE: ("`onnxtaylor analyze` of the demo's 2 000 events", [*program, *analyze]),
        AUDIT: ("`onnxtaylor audit` of the demo's model, text alone", [*program, *audit]),
        "reports": (f"the same with {', '.join(FORMATS)} as well", [*program, *audit, *reports]),
    }


def measure(repeats: int, say: Callable[[str], None] = print) -> Measured:
    """All processes in turns. Raises RuntimeError where one fails."""
    found = Measured()
    with tempfile.TemporaryDirectory() as name:
        timed = commands(Path(name))
        audit = timed["reports"][1][2:]
        for _, words in timed.values():
            _seconds(words)  # kernels are compiled, files are in memory
        for turn in range(repeats):
            for key, (_, words) in timed.items():
                seconds, busy = _seconds(words)
                found.processes.setdefault(key, []).append(seconds)
                found.processors.setdefault(key, []).append(busy)
            _add(found.stages, _stages(audit))
            _add(found.packages, packages(_stderr(["-X", "importtime", *timed[AUDIT][1]])))
            took = ", ".join(
                f"{key} {seconds[-1]:.2f} s" for key, seconds in found.processes.items()
            )
            say(f"turn {turn + 1}: {took}")
        fresh = Path(name) / "kernels"
        first = [
            _seconds(timed[AUDIT][1], {"NUMBA_CACHE_DIR": str(fresh / str(turn))})
            for turn in range(repeats)
        ]
        found.processes["first"], found.processors["first"] = map(list, zip(*first, strict=True))
    return found


def _stderr(words: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        env={**_environment(), **(environment or {})},
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(words[:3])} …: exit status {done.returncode}: {done.stderr}")
    return done.stderr


def _environment() -> dict[str, str]:
    """As a user has it: an interpreter that keeps what it has compiled."""
    return {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _seconds(
    words: Sequence[str], environment: Mapping[str, str] | None = None
) -> tuple[float, float]:
    """Seconds that a process took, and seconds that processors were busy with it."""
    begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    _stderr(words, environment)
    took, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _stages(audit: Sequence[str]) -> dict[str, float]:
    """Seconds of each stage of one audit; what is in none of them is ``everything else``."""
    begin = time.perf_counter()
    last = _stderr(["-c", CHILD, json.dumps(STAGES), *audit]).splitlines()[-1]
    process = time.perf_counter() - begin
    told = json.loads(last)
    spent = {"interpreter, start and end": process - told["whole"], **told["spent"]}
    spent["everything else"] = process - sum(spent.values())
    return spent


def packages(
    report: str, listed: Iterable[str] = (*LIBRARIES, "scipy", "jsonschema")
) -> dict[str, float]:
    """Seconds that importing takes, by ``-X importtime``: of libraries, with what they import.

    What a library imports counts for the first that asked for it.
    """
    wanted, spent = set(listed), dict[str, float]()
    lines = re.findall(r"import time:\s+(\d+) \|\s+(\d+) \|( +)(\S+)", report)
    inside: list[tuple[int, str]] = []  # of the reversed report: who imports whom
    for own, _, indent, name in reversed(lines):
        while inside and inside[-1][0] >= len(indent):
            inside.pop()
        top = name.partition(".")[0]
        holder = inside[-1][1] if inside else "onnxtaylor and the standard library"
        if top in wanted and holder not in wanted:
            holder = top
        inside.append((len(indent), holder))
        spent[holder] = spent.get(holder, 0.0) + int(own) / 1e6
    return spent


def _add(series: dict[str, list[float]], found: Mapping[str, float]) -> None:
    for name, seconds in found.items():
        series.setdefault(name, []).append(seconds)


def as_markdown(found: Measured) -> str:
    """Processes, stages and imports, each a table."""
    titles = {key: title for key, (title, _) in commands(Path()).items()}
    titles["first"] = "`onnxtaylor audit`, the first time on a machine: kernels are compiled"
    lines = [
        "| process | s | processor s | × `python -c pass` | × imports |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {title} | {found.seconds(key):.2f} | {statistics.median(found.processors[key]):.2f}"
        f" | {found.times(key, NOTHING):.0f} | {found.times(key, CORE):.2f} |"
        for key, title in titles.items()
    ]
    return (
        "\n".join(lines)
        + "\n\n"
        + "\n\n".join(
            _shares(title, series)
            for title, series in (
                ("stage of an audit with all formats", found.stages),
                ("imports of an audit, by `-X importtime`", found.packages),
            )
        )
    )


def _shares(title: str, series: Mapping[str, Sequence[float]]) -> str:
    seconds = {name: statistics.median(values) for name, values in series.items()}
    total = sum(seconds.values())
    lines = [f"| {title} | s | share |", "| --- | ---: | ---: |"]
    for name in sorted(seconds, key=lambda name: -seconds[name]):
        lines.append(f"| {name} | {seconds[name]:.3f} | {100 * seconds[name] / total:.0f} % |")
    return "\n".join(lines)


def with_tables(text: str, tables: str, where: str) -> str:
    """The text with the tables between its two marks. Raises ValueError where it has no marks."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the text has no {BEGIN} and {END}")
    return head + "\n\n".join([begin, f"{where}.", tables, end]) + tail


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints the tables and writes them; 1 where ``--help`` is too slow."""
    parser = argparse.ArgumentParser(
        prog="python -m validation.performance.start", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--repeats", type=int, default=9, help="turns")
    parser.add_argument("--out", type=Path, default=README)
    options = parser.parse_args(arguments)
    before = load()
    found = measure(options.repeats)
    facts = machine()
    where = (
        f"{facts['cpu']}, {facts['cores']} cores, {facts['system']}, Python {facts['python']},"
        f" load {before} before and {load()} after, {options.repeats} turns"
    )
    tables = as_markdown(found)
    print(f"\n{where}\n\n{tables}")
    text = options.out.read_text(encoding="utf-8")
    write_whole(options.out, with_tables(text, tables, where).encode())
    return 0 if found.seconds(HELP) < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
