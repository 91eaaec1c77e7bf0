"""Dask: one and two workers of one thread, what a part costs beside its events, and 1 000 cores.

``python -m validation.performance.cluster`` analyzes a sample of ``throughput`` on the workers of
Dask on this machine, the one and the two in turn, after a first small analysis on each. From the
medians, and from measurements of single steps, it works out what 10¹⁰ events on 1 000 cores would
take, and of which step:

    events      the sums, at the rate of one worker
    last parts  cores that wait for the last parts: half a part on average
    scheduler   tasks, one after another, in the one process of the scheduler
    tree        sums of parts that are added pair by pair, in as many levels as the tree has
    survey      the pass of one process before that tells mean and σ of the features
"""

from __future__ import annotations

import argparse
import json
import math
import pickle
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import onnxtaylor as ot
from onnxtaylor.options import DataOptions, EngineOptions, StatisticsOptions
from onnxtaylor.problem import Problem
from onnxtaylor.run.begun import begin
from onnxtaylor.run.divided import worker
from onnxtaylor.run.divided.cluster import MOST
from onnxtaylor.run.divided.part import Sums, sum_range
from validation.performance.throughput import MISSING, draw, higgs_events, write_parquet

MEASURED = Path(__file__).with_name("cluster.json")
MODEL = str(files("onnxtaylor") / "demo" / "higgs.onnx")
OPTIONS = {"missing": MISSING, "check": 0, "curvature": "pointwise"}
TASKS, ADDITIONS = 2000, 20
GREAT, CORES, BANDWIDTH = 10**10, 1000, 1e9 / 8  # events; cores; bytes a second


@contextmanager
def workers(count: int) -> Iterator[Any]:
    """Yields a client of so many workers of one thread each."""
    import distributed

    with (
        distributed.LocalCluster(
            n_workers=count, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def seconds_of(path: Path, client: Any) -> float:
    """Seconds of the sums of all events on the workers of a client: first to last part."""
    times: list[float] = []

    def seen(stage: str, done: int, total: int | None) -> None:
        if stage == "coefficients" or times:
            times.append(time.perf_counter())

    ot.analyze(MODEL, str(path), client=client, progress=seen, **OPTIONS)
    return times[-1] - times[0]


def steps(path: Path, client: Any) -> dict[str, float]:
    """Measures single steps: seconds of a task, of an addition, bytes of sums, survey's rate."""
    begin_tasks = time.perf_counter()
    client.gather(client.map(_nothing, range(TASKS), pure=False))
    task = (time.perf_counter() - begin_tasks) / TASKS
    start = time.perf_counter()
    problem = Problem.open(MODEL, str(path), None, DataOptions(missing=MISSING))
    surveyed = problem.survey.events / (time.perf_counter() - start)
    options = EngineOptions(curvature="pointwise", threads=1)
    begun = begin(problem, options, StatisticsOptions(check=0), None, None)
    sums: Sums = sum_range(begun, 0, begun.steady_batch)
    times = []
    for _ in range(ADDITIONS):
        start = time.perf_counter()
        worker.add(sums, pickle.loads(pickle.dumps(sums)))
        times.append(time.perf_counter() - start)
    return {
        "task": task,
        "survey": surveyed,
        "addition": statistics.median(times),
        "bytes": float(len(pickle.dumps(sums))),
    }


def _nothing(number: int) -> int:
    return number


def plan(found: dict[str, float]) -> dict[str, float]:
    """Works out the seconds of each step for ``GREAT`` events on ``CORES`` cores."""
    events = GREAT / CORES / found["rate"]
    level = found["addition"] + found["bytes"] / BANDWIDTH
    return {
        "events": events,
        "last parts": events * CORES / MOST / 2,
        "scheduler": 2 * MOST * found["task"],
        "tree": math.log2(MOST) * level,
        "survey": GREAT / found["survey"],
    }


def as_markdown(found: dict[str, float]) -> str:
    """Makes the text of the README."""
    seconds = plan(found)
    rows = "\n".join(f"| {name} | {value:,.1f} |" for name, value in seconds.items())
    overhead = 1e6 * found["task"] * found["parts"] / found["events"]
    return (
        f"Two workers of one thread: {found['factor']:.2f} times the events per second of one"
        f" ({found['rate']:,.0f}; median of {found['pairs']:.0f} pairs, {found['events']:.0e}"
        f" events in {found['parts']:.0f} parts). A task costs the scheduler"
        f" {1e3 * found['task']:.2f} ms, which is {overhead:.2f} µs an event here; two sums of"
        f" {found['bytes'] / 2**20:.2f} MiB are added in {1e3 * found['addition']:.1f} ms.\n\n"
        f"| 10¹⁰ events, 1 000 cores | s |\n| --- | ---: |\n{rows}\n\nWhat saturates first is the"
        " survey, the pass of one process before all others: made as 1 000 shards (`onnxtaylor"
        f" survey --shard 1/1000`, `merge`, `--survey`) it takes {seconds['survey'] / CORES:.0f} s."
        " Next are the cores that wait for the last parts, then the scheduler."
    )


def main(arguments: list[str] | None = None) -> int:
    """Measures, and prints the text; 1 where two workers are less than 1.7 times one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--pairs", type=int, default=3)
    chosen = parser.parse_args(arguments)
    names, events = higgs_events()
    with tempfile.TemporaryDirectory() as folder:
        small, path = Path(folder) / "small.parquet", Path(folder) / "events.parquet"
        write_parquet(small, draw(names, events, 20_000))
        write_parquet(path, draw(names, events, chosen.events))
        taken: dict[int, list[float]] = {1: [], 2: []}
        with workers(1) as one, workers(2) as two:
            for client in (one, two):
                seconds_of(small, client)
            for _ in range(chosen.pairs):
                for count, client in ((1, one), (2, two)):
                    taken[count].append(seconds_of(path, client))
                    print(f"{count} worker(s): {taken[count][-1]:.1f} s", flush=True)
            found = steps(path, two)
    found |= {
        "events": chosen.events,
        "pairs": chosen.pairs,
        "parts": min(MOST, chosen.events // 4096),
        "rate": chosen.events / statistics.median(taken[1]),
        "factor": statistics.median(a / b for a, b in zip(taken[1], taken[2], strict=True)),
    }
    MEASURED.write_text(json.dumps(found, indent=1) + "\n")
    print(as_markdown(found))
    return 0 if found["factor"] >= 1.7 else 1


if __name__ == "__main__":
    sys.exit(main())
