"""The exact engine and the programs beside it, timed in turn."""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from validation.performance.peers.compare import machine, reported, take_turn
from validation.performance.peers.process import ROOT, Worker
from validation.performance.peers.row import TOLERANCE, Row, deviation
from validation.performance.peers.search import choose_batch, size_turn
from validation.performance.taggers.programs import EXACT
from validation.performance.taggers.tagger import Tagger

__all__ = ["Found", "TaggerRow", "compare"]

MODULE = "validation.performance.taggers.worker"
WORK_NUMBERS = 2**20  # coefficients of the batch that the search begins with
COMPARED = 16  # events whose ⟨t⟩ are compared


@dataclass
class TaggerRow(Row):
    """One program on one tagger, with the largest memory of its process in MiB."""

    peak_mib: float | None = None

    @property
    def agrees(self) -> bool:
        """Whether ⟨t⟩ is that of the exact engine, as far as it is known."""
        return self.deviation is None or self.deviation <= TOLERANCE


@dataclass
class Found:
    """All programs on one tagger."""

    tagger: Tagger
    threads: int
    machine: dict[str, object]
    rows: list[TaggerRow] = field(default_factory=list)

    @property
    def agree(self) -> bool:
        """Whether the exact engine runs and every other program agrees with it."""
        return self.rows[0].stopped is None and all(row.agrees for row in self.rows)

    def row(self, program: str) -> TaggerRow | None:
        """The row of a program, None if it was not measured."""
        return next((row for row in self.rows if row.program == program), None)

    def to_json(self) -> dict[str, Any]:
        """Everything that was measured."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Found:
        """The reverse of ``to_json``."""
        rows = [
            TaggerRow(**{**row, "tried": {int(k): v for k, v in row["tried"].items()}})
            for row in found["rows"]
        ]
        return cls(Tagger(**found["tagger"]), found["threads"], found["machine"], rows)


def compare(
    tagger: Tagger,
    programs: Sequence[str],
    *,
    events: int,
    repeats: int,
    threads: int,
    limit: float,
) -> Found:
    """The exact engine, then each program beside it; ``limit`` in seconds for each."""
    events = 2 ** max(0, round(math.log2(events)))
    found = Found(tagger, threads, machine(), [TaggerRow(EXACT)])
    own = found.rows[0]
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.onnx")
        command = [sys.executable, "-m", "validation.performance.taggers.export", tagger.name, path]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        net = tagger.with_order(tagger.order, path)
        with reported(own, repeats), Worker(EXACT, net, threads, limit, MODULE) as exact:
            own.version = exact.version
            choose_batch(exact, own, 0)
            size_turn(exact, own, events, repeats)
            own.deviation = 0.0
            own.rates += [exact.time(own.events, own.passes)[0] for _ in range(repeats)]
            own.peak_mib = exact.peak()
            for name in programs:
                found.rows.append(row := TaggerRow(name))
                exact.spent = 0.0
                with reported(row, repeats), Worker(name, net, threads, limit, MODULE) as worker:
                    _measure(exact, own, worker, row, events, repeats)
    return found


def _measure(
    exact: Worker, own: TaggerRow, worker: Worker, row: TaggerRow, events: int, repeats: int
) -> None:
    """Fills the row of a program: its batch, its ⟨t⟩, and the pairs."""
    tagger = worker.net
    assert isinstance(tagger, Tagger)
    row.version = worker.version
    first = 2 ** max(0, round(math.log2(WORK_NUMBERS / tagger.coefficients)))
    choose_batch(worker, row, min(first, 256))
    size_turn(worker, row, events, repeats)
    compared = min(COMPARED, row.events)
    row.deviation = deviation(worker.scores(compared), exact.scores(compared))
    for turn in range(repeats):
        take_turn(exact, own, worker, row, turn)
    row.peak_mib = worker.peak()
