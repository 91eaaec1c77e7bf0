"""Whole analyses of large samples: events per second and peak memory, by size and by format.

``python -m validation.performance.throughput`` draws the 22 889 Higgs events again and again, moves
each entry by a normal number of 1 % of its feature's σ, where it is not missing, and writes as many
as asked as Parquet and as ROOT. Each file is analyzed in a process of its own: all coefficients up
to second order of one response (495), with the default bootstrap. Given are

    whole     events per second of the whole call: opening, surveying, sums, result
    sums      events per second of the pass that makes the sums
    memory    the same pass over events that lie in memory already, the engine's own rate
    peak      memory that the process held at most

A rate of the sums should be within 10 % of that of fewer events, so should the memory; and at least
0.85 (Parquet) and 0.7 (ROOT) of the rate in memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

EVENTS = "higgs/atlas-higgs-challenge-2014-v2_first22889.csv.gz"
MISSING, SMEARED, ROWS = -999.0, 0.01, 100_000
IN_MEMORY = 200_000  # events, which a pass over memory takes
MEASURED = Path(__file__).with_name("throughput.json")

Floats = npt.NDArray[np.float32]


def draw(names: list[str], events: Floats, count: int) -> Iterator[dict[str, Floats]]:
    """Yields columns of drawn and smeared events, 100 000 at a time."""
    random = np.random.default_rng(16)
    present = events != MISSING
    sigma = np.array([events[present[:, k], k].std() for k in range(events.shape[1])])
    for start in range(0, count, ROWS):
        rows = random.integers(len(events), size=min(ROWS, count - start))
        noise = random.normal(size=(len(rows), events.shape[1])) * (SMEARED * sigma)
        drawn = np.where(present[rows], events[rows] + noise, MISSING).astype(np.float32)
        yield {name: np.ascontiguousarray(drawn[:, k]) for k, name in enumerate(names)}


def write_parquet(path: Path, chunks: Iterator[dict[str, Floats]]) -> None:
    """Writes a row group for each chunk."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    for columns in chunks:
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def write_root(path: Path, chunks: Iterator[dict[str, Floats]]) -> None:
    """Writes a tree ``events``, a basket for each chunk."""
    import uproot

    with uproot.recreate(path) as file:
        tree = None
        for columns in chunks:
            if tree is None:
                tree = file.mktree("events", dict.fromkeys(columns, "float32"))
            tree.extend(columns)


WRITERS = {"parquet": write_parquet, "root": write_root}


def measure(path: Path, *, in_memory: bool) -> dict[str, float]:
    """Analyzes one file in this process, or its first events from memory."""
    import onnxtaylor as ot
    from onnxtaylor.runtime.resident import peak_resident_bytes

    model = str(files("onnxtaylor") / "demo" / "higgs.onnx")
    options = {"missing": MISSING, "check": 0, "curvature": "pointwise"}
    ot.analyze(model, str(path), events=5000, **options)  # kernels are loaded
    data = _first(path) if in_memory else str(path)
    times: list[tuple[float, int]] = []

    def seen(stage: str, done: int, total: int | None) -> None:
        if stage == "coefficients":
            times.append((time.perf_counter(), done))

    begin = time.perf_counter()
    result = ot.analyze(model, data, progress=seen, **options)
    whole = time.perf_counter() - begin
    (start, none), (end, done) = times[0], times[-1]
    return {
        "events": result.data.events,
        "whole": result.data.events / whole,
        "sums": (done - none) / (end - start),
        "peak": float(peak_resident_bytes() or 0),
    }


def _first(path: Path) -> npt.NDArray[np.float32]:
    import pyarrow.parquet as pq

    batch = next(pq.ParquetFile(path).iter_batches(IN_MEMORY))
    return np.column_stack([batch.column(k).to_numpy() for k in range(batch.num_columns)])


def in_a_process(path: Path, *, in_memory: bool = False) -> dict[str, float]:
    """Measures in a process of its own."""
    words = ["-m", "validation.performance.throughput", "--child", str(path)]
    words += ["--in-memory"] * in_memory
    done = subprocess.run([sys.executable, *words], check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def as_markdown(found: dict[str, Any]) -> str:
    """Makes the table of the README."""
    rows, memory = found["rows"], float(found["in memory"])
    lines = [
        "| events | format | whole, events/s | sums, events/s | of the rate in memory | peak |"
    ]
    lines.append("| ---: | --- | ---: | ---: | ---: | ---: |")
    for row in rows:
        lines.append(
            f"| {row['events']:.0e} | {row['format']} | {row['whole']:,.0f} | {row['sums']:,.0f} |"
            f" {row['sums'] / memory:.2f} | {row['peak'] / 2**20:.0f} MiB |"
        )
    return "\n".join([f"In memory: {memory:,.0f} events/s.", "", *lines])


def main(arguments: list[str] | None = None) -> int:
    """Measures all sizes and formats, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--formats", nargs="+", default=list(WRITERS), choices=list(WRITERS))
    parser.add_argument("--folder", type=Path, help="where the samples are written")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--in-memory", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.child:
        print(json.dumps(measure(chosen.child, in_memory=chosen.in_memory)))
        return 0
    names, events = higgs_events()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        small = Path(folder) / "small.parquet"
        write_parquet(small, draw(names, events, IN_MEMORY))
        memory = in_a_process(small, in_memory=True)["sums"]
        for count in chosen.events:
            for kind in chosen.formats:
                path = Path(folder) / f"events.{kind}"
                WRITERS[kind](path, draw(names, events, count))
                rows.append({"format": kind, **in_a_process(path)})
                path.unlink()
                print(rows[-1], flush=True)
    measured = {"in memory": memory, "rows": rows}
    MEASURED.write_text(json.dumps(measured, indent=1) + "\n")
    print(as_markdown(measured))
    return 0


def higgs_events() -> tuple[list[str], Floats]:
    """Reads the names and values (N, 30) of the features of the Higgs events."""
    import pyarrow.csv as csv

    read = csv.read_csv(Path(os.environ["ONNXTAYLOR_DATA"]) / EVENTS)
    names = [name for name in read.column_names if name.startswith(("DER_", "PRI_"))]
    return names, np.column_stack([read[name].to_numpy() for name in names]).astype(np.float32)


if __name__ == "__main__":
    raise SystemExit(main())
