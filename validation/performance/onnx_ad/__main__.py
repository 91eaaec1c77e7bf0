"""``python -m validation.performance.onnx_ad`` measures, and writes ``measured/onnx_ad``.

Each model is measured in a process of its own, which ends when its time is over: what it has not
reached by then is not in the table. The table is written into ``../README.md``.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import onnxruntime

from onnxtaylor.files.whole import write_whole
from validation.performance.onnx_ad.compare import measure
from validation.performance.onnx_ad.graphs import TASKS
from validation.performance.onnx_ad.models import MODELS, models
from validation.performance.onnx_ad.report import read, with_table, write

FOLDER = Path(__file__).parents[1] / "measured" / "onnx_ad"
README = Path(__file__).parents[1] / "README.md"


def _machine(threads: int) -> str:
    """The machine and the versions, in words."""
    packages = f"onnxruntime {onnxruntime.__version__}, onnx-ad {version('onnx-ad')}"
    return f"{platform.machine()}, {os.cpu_count()} processors, {threads} thread(s), {packages}"


def _one(name: str, events: int, chosen: argparse.Namespace) -> None:
    """Measures one model in this process; writes after every task."""
    rows = []
    for proto in models([name]).values():
        for task in chosen.tasks:
            row = measure(name, proto, events, task, threads=chosen.threads, pairs=chosen.pairs)
            rows.append(row)
            ratio = row.refused or f"{row.ratio:.2f}, {row.apart:.0e} apart"
            print(f"{name}, {events} events, {task}: {row.ours * 1e6:.0f} µs, {ratio}", flush=True)
            write(chosen.folder, name, events, rows)


def main(arguments: list[str] | None = None) -> int:
    """Measures the chosen models."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--events", nargs="+", type=int, default=[1, 100])
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=120.0, help="for one model")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.one:
        _one(chosen.models[0], chosen.events[0], chosen)
        return 0
    same = ("--threads", chosen.threads, "--pairs", chosen.pairs, "--folder", chosen.folder)
    for name in chosen.models:
        for events in chosen.events:
            words = ("--one", "--models", name, "--events", events, *same, "--tasks", *chosen.tasks)
            command = [sys.executable, "-m", "validation.performance.onnx_ad", *map(str, words)]
            try:
                subprocess.run(command, timeout=chosen.seconds, check=False)
            except subprocess.TimeoutExpired:
                print(f"{name}, {events} events: more than {chosen.seconds:.0f} s", flush=True)
    if chosen.folder == FOLDER:
        text = with_table(
            README.read_text(encoding="utf-8"), read(FOLDER), _machine(chosen.threads)
        )
        write_whole(README, text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
