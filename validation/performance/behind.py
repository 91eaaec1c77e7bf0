"""What comes behind the engine, for 10⁶ coefficients: finalize, save, load, rank, report.

    python -m validation.performance.behind [--features N] [--repeats R]

A synthetic result needs no model: N features have N(N+3)/2 coefficients up to second order, 1413 of
them a million. Each stage is given in seconds, as a ratio to a limit of the same turn, and with the
memory that the process holds at its peak. The limit is writing the result's eight columns of
numbers as Parquet and reading them again, both by pyarrow alone; for ``finalize``, sorting the
replicates by NumPy, one thread. Given are medians over the turns, each a process of its own. Fails
where a stage takes more than 30 s.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from onnxtaylor.comparison import compare_results
from onnxtaylor.files.whole import write_whole
from onnxtaylor.indices import MultiIndices
from onnxtaylor.results.ranking import ranked_rows
from onnxtaylor.results.selection import select
from onnxtaylor.results.summaries import DataSummary, FeatureSummary, GroupSummary, ModelSummary
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.statistics import Accumulator, Statistics
from onnxtaylor.views.plot import save_figures
from validation.performance.peers.compare import load, machine

__all__ = ["as_markdown", "main", "measure", "with_table"]

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- behind -->", "<!-- /behind -->"
SLOWEST = 30.0  # seconds of a stage
EVENTS, BYTES = 40, 2**30  # of the bootstrap: events, and memory of the replicates
PARQUET, SORT = "columns by pyarrow", "replicates sorted by NumPy"

T = TypeVar("T")
Row = tuple[str, float, float, str, float]  # stage, seconds, ratio, to what, GiB


def measure(features: int) -> list[Row]:
    """Runs all stages once. Each row: stage, seconds, ratio, its limit, peak memory in GiB."""
    clock = _Clock()
    indices = MultiIndices.full(features, 2)
    numbers, sort_seconds = _finalized(len(indices), clock)
    result = _result(indices, numbers)
    other = _result(indices, numbers, shift=1e-3)
    columns = [a for a in result.numbers.values() if a is not None]
    _parquet_and_back(columns)  # imports
    start = time.perf_counter()
    _parquet_and_back(columns)
    limit = time.perf_counter() - start
    rows = [(name, s, s / sort_seconds, SORT, peak) for name, s, peak in clock.rows]
    clock.rows.clear()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        clock("save", lambda: result.save(path))
        loaded = clock("load", lambda: TaylorResult.load(path))
        clock("rank: the 50 best, of a feature", lambda: _ranked(loaded))
        clock("select", lambda: select(loaded))
        clock("report", lambda: loaded.to_html())
        clock("to_pandas", lambda: loaded.to_pandas())
        clock("to_json, all rows", lambda: loaded.to_json())
        clock("compare, the 20 first rows", lambda: compare_results(loaded, other).rows(count=20))
        clock("compare, all rows as JSON", lambda: compare_results(loaded, other).to_json())
        clock("figures", lambda: save_figures(loaded, folder))
    return rows + [(name, s, s / limit, PARQUET, peak) for name, s, peak in clock.rows]


class _Clock:
    """Times calls; remembers name, seconds and the peak memory of the process in GiB."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float, float]] = []

    def __call__(self, name: str, call: Callable[[], T]) -> T:
        start = time.perf_counter()
        value = call()
        self.rows.append((name, time.perf_counter() - start, _peak()))
        return value


def _peak() -> float:
    """Largest memory that the process has held, GiB."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.split("VmHWM:")[1].split()[0]) / 2**20


def _finalized(count: int, clock: _Clock) -> tuple[Statistics, float]:
    """Numbers of a few random events with their bootstrap, and the time of sorting its sums."""
    random = np.random.default_rng(0)
    sums = Accumulator(1, count, replicates=min(200, BYTES // (8 * count)))
    scale = random.gamma(0.5, 1.0, count)
    for k in range(EVENTS):
        terms = scale * random.normal(1.0, 0.3, (1, 1, count))
        sums.update(terms, np.ones(1), np.array([k]))
    numbers = clock("finalize: scores, SEM, ranks, rank intervals", sums.finalize)
    replicates = sums.state()["replicates/0/absolute"]
    start = time.perf_counter()
    for row in replicates:
        np.sort(row)
    return numbers, time.perf_counter() - start


def _result(indices: MultiIndices, numbers: Statistics, shift: float = 0.0) -> TaylorResult:
    features = tuple(
        FeatureSummary(f"feature_{i}", 0.0, 1.0, -3.0, 3.0, 0) for i in range(indices.n_features)
    )
    group = GroupSummary("all", EVENTS, float(EVENTS), float(EVENTS))
    return TaylorResult(
        model=ModelSummary("m.onnx", "0" * 64, "", {"": 17}, ("y",), "exact", "float32", "cpu"),
        data=DataSummary(("x",), EVENTS, float(EVENTS), float(EVENTS), (group,), features),
        options={"order": 2, "scale": "sigma", "link": "identity"},
        indices=indices,
        score=numbers.score * (1 + shift),
        sem=numbers.sem,
        signed_mean=numbers.signed_mean,
        rms=numbers.rms,
        rank=numbers.rank,
        rank_low=numbers.rank_low,
        rank_high=numbers.rank_high,
    )


def _ranked(result: TaylorResult) -> None:
    result.top(50)
    ranked_rows(result, count=50, feature="feature_7*")


def _parquet_and_back(columns: Sequence[npt.NDArray[Any]]) -> None:
    import pyarrow
    from pyarrow import parquet

    names = [str(k) for k in range(len(columns))]
    table = pyarrow.table([pyarrow.array(column.ravel()) for column in columns], names=names)
    buffer = BytesIO()
    parquet.write_table(table, buffer, compression="zstd", use_dictionary=False)
    parquet.read_table(pyarrow.BufferReader(buffer.getvalue()))


def as_markdown(turns: Sequence[Sequence[Row]], count: int) -> str:
    """The table: medians over the turns."""
    lines = [
        f"{count} coefficients of one response.",
        "",
        "| stage | s | ratio | to | peak, GiB |",
        "| --- | ---: | ---: | --- | ---: |",
    ]
    for same in zip(*turns, strict=True):
        name, _, _, to, _ = same[0]
        seconds, ratio, peak = (statistics.median(row[k] for row in same) for k in (1, 2, 4))
        lines.append(f"| {name} | {seconds:.2f} | {ratio:.1f} | {to} | {peak:.2f} |")
    return "\n".join(lines)


def with_table(text: str, table: str, where: str) -> str:
    """The text with the table between its two marks. Raises ValueError where it has no marks."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the text has no {BEGIN} and {END}")
    return head + "\n\n".join([begin, f"{where}.", table, end]) + tail


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints the table and writes it to ``README.md``; 1 where a stage is too slow."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--features", type=int, default=1413)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--once", action="store_true", help="one turn, as JSON")
    asked = parser.parse_args(arguments)
    if asked.once:
        print(json.dumps(measure(asked.features)))
        return 0
    before, turns = load(), []
    command = [sys.executable, "-m", "validation.performance.behind", "--once"]
    for _ in range(asked.repeats):
        done = subprocess.run(
            [*command, "--features", str(asked.features)],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "MPLBACKEND": "agg"},
        )
        turns.append([tuple(row) for row in json.loads(done.stdout)])
    n = asked.features
    table = as_markdown(turns, n * (n + 3) // 2)
    print(table)
    facts = machine()
    where = (
        f"{facts['cpu']}, {facts['cores']} cores, {facts['system']}, Python {facts['python']};"
        f" load {before} before and {load()} after, {asked.repeats} turns"
    )
    write_whole(README, with_table(README.read_text(encoding="utf-8"), table, where).encode())
    slow = [row[0] for turn in turns for row in turn if row[1] > SLOWEST]
    return int(bool(slow))


if __name__ == "__main__":
    sys.exit(main())
