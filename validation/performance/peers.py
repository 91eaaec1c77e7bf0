"""All Taylor coefficients up to second order of a dense net: our engines, peers, and the limit.

``python -m validation.performance.peers`` computes ⟨t⟩ of all n(n+3)/2 coefficients of every
response (495×5 for 30→200→200→5) with the same float32 weights and events in every program:

    exact               our exact engine
    differences         our differences engine
    jax                 jit(vmap(jacfwd(jacrev)))
    torch               torch.func: vmap(jacfwd(jacrev))
    tensorflow-xla      forward accumulator over a tape, tf.function(jit_compile=True)
    tensorflow-forward  the same without XLA
    tensorflow          batch_jacobian of batch_jacobian, tf.function
    limit               plain matrix products of as many FLOPs as the formula needs

Each runs in a process of its own with the same number of threads, confined to as many processors,
at the best of a few batch sizes, compiled before it is timed (compile times are reported beside).
They are timed in turn, again and again; reported are medians, and of the ratios the medians over
the turns. Coefficients of all but ``differences``, whose error is reported, must agree norm-wise to
1e-4, or the exit status is 1. What is not installed, fails or takes too long is reported as such.

The FLOPs of the formula are counted in ``peers_net``: 5.7 MFLOP an event for the net above.
``--table`` runs 8, 30, 100 and 300 features, tanh and ReLU, 5 responses behind a softmax and one
behind a sigmoid.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.engine.session import available_threads
from validation.performance.peers_net import Net
from validation.performance.peers_process import Stopped, Worker
from validation.performance.peers_programs import PROGRAMS, first_batch

TOLERANCE = 1e-4
APPROXIMATE = ("differences",)
"""Reported with their deviation, which is theirs by nature."""
TRIAL_SECONDS = 0.5
LEAST_SECONDS = 0.5
"""A turn of a fast program passes over the events until it has run this long."""
MOST_SECONDS = 60.0
"""A turn of a slow program gets as many events as it can do in this time."""
MOST_EVENTS = 4096
"""In a batch."""
TRIALS_COMPILE_SECONDS = 30.0
"""Who compiles longer than this gets no other batch size to try."""
TABLE = {"features": (8, 30, 100, 300), "activation": ("tanh", "relu"), "outputs": (5, 1)}


@dataclass
class Row:
    """One program on one net."""

    program: str
    version: str = ""
    batch: int = 0
    note: str = ""
    compile_s: float = math.nan
    tried: dict[int, float] = field(default_factory=dict)
    """Events per second of each batch size in the trial."""
    events: int = 0
    passes: int = 1
    rates: list[float] = field(default_factory=list)
    deviation: float | None = None
    """Norm-wise, from the exact engine."""
    stopped: str | None = None

    @property
    def events_per_s(self) -> float:
        """The median over the turns."""
        return float(np.median(self.rates)) if self.rates else math.nan

    def to_json(self) -> dict[str, Any]:
        """Numbers that are not there are null."""
        whole = {**vars(self), "events_per_s": self.events_per_s}
        return {k: None if isinstance(v, float) and v != v else v for k, v in whole.items()}


@dataclass
class Comparison:
    """All programs on one net."""

    net: Net
    threads: int
    rows: list[Row]
    worst: float | None = None
    """The largest norm-wise deviation between any two programs that are not approximate."""
    load: float | None = None
    """The operating system's load average before the start: other people's work."""

    def row(self, program: str) -> Row:
        """The row of a program."""
        return next(r for r in self.rows if r.program == program)

    def ratio(self, program: str) -> float:
        """Events per second of the exact engine over the program's: median over the turns."""
        ours, theirs = self.row("exact").rates, self.row(program).rates
        if not ours or not theirs:
            return math.nan
        return float(np.median([a / b for a, b in zip(ours, theirs, strict=False)]))

    @property
    def agree(self) -> bool:
        """Whether every pair of programs agrees, the exact engine among them."""
        done = self.row("exact").stopped is None
        return done and (self.worst is None or self.worst <= TOLERANCE)

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        ratios = {r.program: self.ratio(r.program) for r in self.rows if r.program != "exact"}
        return {
            "net": self.net.to_json(),
            "threads": self.threads,
            "load_before": self.load,
            "coefficients": self.net.features * (self.net.features + 3) // 2 * self.net.outputs,
            "flops_per_event": {**self.net.flops(), "all": sum(self.net.flops().values())},
            "rows": [row.to_json() for row in self.rows],
            "exact_over": {k: None if v != v else v for k, v in ratios.items()},
            "worst_deviation": self.worst,
            "agree": self.agree,
        }


def compare(
    net: Net,
    programs: Sequence[str],
    *,
    events: int,
    repeats: int,
    threads: int,
    patience: float,
) -> Comparison:
    """Starts all programs, finds their batch sizes, compares their scores, and times them in turn.

    ``patience`` bounds every single compilation, in seconds. ``events`` is rounded to a power of
    two, so that all batch sizes divide it.
    """
    events = 2 ** max(0, round(math.log2(events)))
    rows = [Row(name) for name in programs]
    found = Comparison(net, threads, rows, load=_load())
    workers: dict[str, Worker] = {}
    try:
        for row in rows:
            with _reported(row):
                workers[row.program] = worker = Worker(row.program, net, threads)
                row.version = worker.version
                _choose_batch(worker, row, net, events, patience)
        _compare_scores(found, workers, patience)
        for turn in range(repeats):
            for row in rows:
                if row.stopped is None:
                    with _reported(row):
                        limit = 10 * MOST_SECONDS + patience
                        row.rates.append(
                            workers[row.program].time(row.events, row.passes, limit)[0]
                        )
            _say(f"{net.label}: turn {turn + 1} of {repeats}")
    finally:
        for worker in workers.values():
            worker.close()
    return found


def _choose_batch(worker: Worker, row: Row, net: Net, events: int, patience: float) -> None:
    """Finds the fastest batch size, and sets how much a turn takes.

    From the first guess down in steps of four while that is faster, else up. Who compiles long
    stays with the guess.
    """
    compiled: dict[int, float] = {}

    def attempt(batch: int) -> float:
        compiled[batch], row.note = worker.prepare(batch, patience)
        few = 4 * batch or 16  # different batches: none may be compiled into a constant
        row.tried[batch], seconds = worker.time(few, 1, patience + MOST_SECONDS)
        if seconds < TRIAL_SECONDS:
            passes = math.ceil(TRIAL_SECONDS / seconds)
            row.tried[batch], _ = worker.time(few, passes, patience + MOST_SECONDS)
        _say(f"{net.label}: {row.program}, batch {batch}: {row.tried[batch]:.0f} events/s")
        return row.tried[batch]

    first = first_batch(worker.name, net)
    best = attempt(first)
    for way in (1 / 4, 4) if first else ():
        batch = first
        while sum(compiled.values()) < TRIALS_COMPILE_SECONDS:
            batch = int(batch * way)
            if not 1 <= batch <= MOST_EVENTS or attempt(batch) <= best:
                break
            best = row.tried[batch]
        if best > row.tried[first]:
            break
    row.batch = max(row.tried, key=lambda b: row.tried[b])
    if len(row.tried) > 1:
        worker.prepare(row.batch, patience)
    row.compile_s = compiled[row.batch]
    most = 2 ** int(math.log2(max(1.0, best * MOST_SECONDS)))
    row.events = max(1, row.batch, min(events, most))
    _, seconds = worker.time(row.events, 1, patience + MOST_SECONDS)
    row.passes = max(1, math.ceil(LEAST_SECONDS / seconds))


def _compare_scores(found: Comparison, workers: dict[str, Worker], patience: float) -> None:
    """Each program's deviation from the exact engine, and the largest between any two."""
    # the same few events for all, no more than the slowest can do
    sizes = [r.events for r in found.rows if r.stopped is None and r.program in APPROXIMATE]
    events = min(64, *sizes) if sizes else 64
    scores: dict[str, npt.NDArray[np.float64]] = {}
    for row in found.rows:
        if row.stopped is None and row.program != "limit":
            with _reported(row):
                scores[row.program] = workers[row.program].scores(events, patience + MOST_SECONDS)
    for name, values in scores.items():
        if "exact" in scores:
            found.row(name).deviation = deviation(values, scores["exact"])
    firm = [values for name, values in scores.items() if name not in APPROXIMATE]
    found.worst = max((deviation(a, b) for a, b in product(firm, firm)), default=None)


def deviation(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    """‖a − b‖ / ‖b‖; infinite where either is not finite."""
    relative = float(np.linalg.norm(a - b) / np.linalg.norm(b))
    return relative if math.isfinite(relative) else math.inf


@contextlib.contextmanager
def _reported(row: Row) -> Iterator[None]:
    try:
        yield
    except Stopped as reason:
        row.stopped = str(reason)
        _say(f"{row.program}: {reason}")


def as_table(found: Comparison) -> str:
    """One row per program, in Markdown."""
    flops = found.net.flops()
    parts = ", ".join(f"{name} {count / 1e6:.2f}" for name, count in flops.items())
    lines = [
        f"**{found.net.label}**, {found.threads} threads, {sum(flops.values()) / 1e6:.2f} MFLOP"
        f" an event ({parts})",
        "",
        "| program | events/s | quartiles | exact is × | compile s | batch | deviation | |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for row in found.rows:
        if row.stopped is not None:
            lines.append(f"| {row.program} | | | | | | | {_cell(row.stopped)} |")
            continue
        low, high = np.quantile(row.rates, [0.25, 0.75]) if row.rates else (math.nan, math.nan)
        cells = [
            row.program,
            _short(row.events_per_s),
            f"{_short(low)}–{_short(high)}",
            f"{found.ratio(row.program):.2f}",
            f"{row.compile_s:.2g}" if row.program != "limit" else "",
            str(row.batch or ""),
            "" if row.deviation is None else f"{row.deviation:.0e}",
            _cell(f"{row.version}{'; ' * bool(row.note)}{row.note}"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    worst = "not compared" if found.worst is None else f"{found.worst:.1e}"
    lines += ["", f"Largest deviation between exact programs: {worst} (bound {TOLERANCE:g})."]
    if not found.agree:
        lines.append("**The programs do not agree.**")
    return "\n".join(lines)


def as_summary(cells: Sequence[Comparison]) -> str:
    """One row per net: events/s, and in brackets how many times as many the exact engine does."""
    programs = [row.program for row in cells[0].rows]
    lines = [
        f"| net | MFLOP | {' | '.join(programs)} | worst deviation |",
        f"| --- | ---: |{' ---: |' * len(programs)} ---: |",
    ]
    for found in cells:
        line = [found.net.label, f"{sum(found.net.flops().values()) / 1e6:.2f}"]
        for row in found.rows:
            if row.stopped is not None:
                line.append(_cell(row.stopped))
            elif row.program == "exact":
                line.append(_short(row.events_per_s))
            else:
                line.append(f"{_short(row.events_per_s)} ({found.ratio(row.program):.2f}×)")
        line.append("" if found.worst is None else f"{found.worst:.0e}")
        lines.append(f"| {' | '.join(line)} |")
    return "\n".join(lines)


def machine() -> dict[str, object]:
    """Cores, CPU model as the operating system states it, platform, Python."""
    model = platform.processor()
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as lines:  # noqa: PTH123
        named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        model = named[0] if named else model
    return {
        "cores": available_threads(),
        "cpu": model,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _load() -> float | None:
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _short(number: float) -> str:
    if number != number:
        return ""
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def _cell(text: str) -> str:
    return text.replace("|", "/")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _nets(options: argparse.Namespace) -> list[Net]:
    hidden = tuple(options.hidden)
    if not options.table:
        last = options.last
        return [Net(options.features, hidden, options.outputs, options.activation, last)]
    return [
        Net(n, hidden, outputs, activation, "softmax" if outputs > 1 else "sigmoid")
        for n, activation, outputs in product(*TABLE.values())
    ]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m validation.performance.peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--features", type=int, default=30)
    parser.add_argument("--hidden", type=int, nargs="+", default=[200, 200])
    parser.add_argument("--outputs", type=int, default=5)
    parser.add_argument("--activation", choices=["tanh", "relu"], default="tanh")
    parser.add_argument("--last", choices=["softmax", "sigmoid"], default="softmax")
    parser.add_argument("--events", type=int, default=2048, help="per pass, a power of two")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=min(2, available_threads()))
    parser.add_argument("--programs", nargs="+", choices=list(PROGRAMS), default=list(PROGRAMS))
    parser.add_argument(
        "--patience", type=float, default=400.0, help="seconds, for every single compilation"
    )
    parser.add_argument("--table", action="store_true", help="the grid of nets")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    if "exact" not in options.programs:
        options.programs.insert(0, "exact")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the tables, or JSON; 1 where programs do not agree."""
    options = _options(arguments)
    facts = machine()
    if not options.json:
        print(
            f"{facts['cpu']}, {facts['cores']} cores, {facts['system']}, Python {facts['python']}"
        )
    cells = []
    for net in _nets(options):
        found = compare(
            net,
            options.programs,
            events=options.events,
            repeats=options.repeats,
            threads=options.threads,
            patience=options.patience,
        )
        cells.append(found)
        if not options.json:
            print(f"\n{as_table(found)}\n\nload average before: {found.load}", flush=True)
    if options.json:
        print(json.dumps({"machine": facts, "cells": [c.to_json() for c in cells]}, indent=1))
    elif len(cells) > 1:
        print(f"\n{as_summary(cells)}")
    return 0 if all(c.agree for c in cells) else 1


if __name__ == "__main__":
    sys.exit(main())
