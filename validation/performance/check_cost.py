"""What the default cross-check adds to an analysis: the whole process with and without it.

``python -m validation.performance.check_cost`` analyzes the 22 889 events of the Higgs data with
the demo model, in processes of their own, with ``--check 64`` and ``--check 0`` in turn, and prints
the median ratio of such pairs, of the time on the clock and of processor time, which others on the
machine disturb less. Fails where both are 1.1 or more.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path

EVENTS = "higgs/atlas-higgs-challenge-2014-v2_first22889.csv.gz"
COLUMNS = ("--weight", "KaggleWeight", "--label", "Label")
LIMIT = 1.1


def seconds(model: Path, data: Path, check: int, out: Path) -> tuple[float, float]:
    """Of one process, on the clock and of the processors."""
    words = ("analyze", model, data, *COLUMNS, "--check", str(check), "-q", "-o", out)
    begin, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "onnxtaylor", *map(str, words)], check=True)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    processors = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return time.perf_counter() - begin, processors


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="events of the demo model's columns")
    parser.add_argument("--pairs", type=int, default=9)
    chosen = parser.parse_args(arguments)
    data = chosen.data or Path(os.environ["ONNXTAYLOR_DATA"]) / EVENTS
    model = Path(str(files("onnxtaylor") / "demo" / "higgs.onnx"))
    ratios, events = [], []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "result.json"
        seconds(model, data, 64, out)  # kernels are compiled, files are in memory
        for turn in range(chosen.pairs):
            took = {}
            for check in (64, 0) if turn % 2 else (0, 64):
                took[check] = seconds(model, data, check, out)
                if check:
                    found = json.loads(out.read_text())["check"]
                    events.append(len(found["events"]))
                    assert found["verdict"] == "agrees", found
            ratios.append([w / o for w, o in zip(took[64], took[0], strict=True)])
            print(
                f"{took[64][0]:.2f} s with, {took[0][0]:.2f} s without: {ratios[-1][0]:.3f};"
                f" processor time {ratios[-1][1]:.3f}",
                flush=True,
            )
    clock, processors = (statistics.median(column) for column in zip(*ratios, strict=True))
    print(f"median ratio {clock:.3f} on the clock, {processors:.3f} of processor time")
    print(f"events compared: {min(events)} to {max(events)} of 64")
    return 0 if min(clock, processors) < LIMIT else 1


if __name__ == "__main__":
    raise SystemExit(main())
