"""What the default cross-check adds to analyses of several networks, in one process.

``python -m validation.performance.check_jobs`` analyzes each job with the check and without it, in
turn, and prints a table of median seconds: of the analysis without the check, of what the check
adds on the clock and of processor time, and what was compared. A job passes if the check adds less
than a tenth of the analysis, or less than the seconds that the job allows. ``check_cost`` does the
same for the whole command on the Higgs events.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import onnx

import onnxtaylor as ot
from onnxtaylor.results.check_place import place_in
from validation.performance.networks.dense import dense
from validation.performance.networks.tagger import tagger, tagger_events

SHARE = 0.1
INPUTS = ["jet", "charged", "neutral", "vertices", "pt"]


@dataclass(frozen=True)
class Job:
    """A network, its events, options, and the seconds that its check may take in any case."""

    name: str
    model: Callable[[], onnx.ModelProto | Path]
    events: Callable[[], Any]
    options: dict[str, Any]
    seconds: float = 0.25


def normal(features: int, events: int) -> Callable[[], Any]:
    """Returns a maker of normal events."""
    return lambda: np.random.default_rng(0).normal(size=(events, features)).astype(np.float32)


def demo(name: str) -> Path:
    """Returns a file of the demo."""
    return Path(str(files("onnxtaylor") / "demo" / name))


JOBS = {
    "tagger-1000": Job(
        "tagger, 614 features, order 1, 1000 events",
        tagger,
        lambda: tagger_events(1000),
        {"order": 1, "input": INPUTS},
    ),
    "tagger-64": Job(
        "tagger, 614 features, order 1, 64 events",
        tagger,
        lambda: tagger_events(64),
        {"order": 1, "input": INPUTS},
        10.0,
    ),
    "dense-2000": Job(
        "dense 2000→100→2, order 2, 200 events",
        lambda: dense(2000, 100, 2),
        normal(2000, 200),
        {"bootstrap": 0},
        10.0,
    ),
    "dense-600": Job(
        "dense 600→100→10, order 2, 200 events",
        lambda: dense(600, 100, 10),
        normal(600, 200),
        {"bootstrap": 0},
        10.0,
    ),
    "demo-1000": Job(
        "the demo's network, 30 features, order 2, 1000 events",
        lambda: demo("higgs.onnx"),
        normal(30, 1000),
        {},
    ),
}


def measure(job: Job, pairs: int) -> tuple[list[float], list[float], list[float], dict[str, Any]]:
    """Seconds without the check; what it adds, on the clock and of processors; the last check."""
    model, events, check = job.model(), job.events(), {}
    alone, clock, used = [], [], []
    ot.analyze(model, events, check=64, **job.options)  # kernels are compiled
    for turn in range(pairs):
        took: dict[int, tuple[float, float]] = {}
        for count in (64, 0) if turn % 2 else (0, 64):
            begin = time.perf_counter(), time.process_time()
            result = ot.analyze(model, events, check=count, **job.options)
            took[count] = time.perf_counter() - begin[0], time.process_time() - begin[1]
            check = dict(result.check) if result.check else check
        alone.append(took[0][0])
        clock.append(took[64][0] - took[0][0])
        used.append(took[64][1] - took[0][1])
    return alone, clock, used, check


def main(arguments: list[str] | None = None) -> int:
    """Measures the jobs and prints the table; 1 where one of them does not pass."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", nargs="*", help=f"all by default: {', '.join(JOBS)}")
    parser.add_argument("--pairs", type=int, default=5)
    chosen = parser.parse_args(arguments)
    print("| analysis | without, s | the check adds, s | processors, s | compared | verdict |")
    print("| --- | --- | --- | --- | --- | --- |")
    passed = True
    for name in chosen.jobs or JOBS:
        job = JOBS[name]
        alone, clock, used, check = measure(job, chosen.pairs)
        base, added, work = (statistics.median(column) for column in (alone, clock, used))
        passed &= min(added, work) <= max(SHARE * base, job.seconds)
        passed &= check["verdict"] == "agrees"
        print(
            f"| {job.name} | {base:.2f} | {added:.2f} | {work:.2f} | {place_in(check)} |"
            f" {check['verdict']} |",
            flush=True,
        )
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
