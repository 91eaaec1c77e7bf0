"""What is measured: a row for each program on a net, kept as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from validation.performance.peers.net import Net
from validation.performance.peers.programs import EXACT, PROGRAMS

__all__ = ["TOLERANCE", "Comparison", "Row", "deviation"]

TOLERANCE = 1e-4


@dataclass
class Row:
    """One program on one net."""

    program: str
    version: str = ""
    batch: int = 0
    note: str = ""
    compile_s: float | None = None
    tried: dict[int, float] = field(default_factory=dict)
    """Events per second of each batch size in the trial."""
    events: int = 0
    passes: int = 1
    rates: list[float] = field(default_factory=list)
    """Events per second, turn by turn."""
    beside: list[float] = field(default_factory=list)
    """Those of the exact engine in the same turns."""
    deviation: float | None = None
    """‖⟨t⟩ − ⟨t⟩_exact‖ / ‖⟨t⟩_exact‖."""
    stopped: str | None = None
    """Why there are no rates."""

    @property
    def events_per_s(self) -> float:
        """The median over the turns."""
        return float(np.median(self.rates)) if self.rates else math.nan

    @property
    def ratio(self) -> float:
        """Events per second of the exact engine over the program's: the median of the pairs."""
        if not self.beside:
            return math.nan
        return float(np.median([a / b for a, b in zip(self.beside, self.rates, strict=True)]))

    @property
    def agrees(self) -> bool:
        """False for derivatives that should be exact and are others than those of the engine."""
        firm = self.deviation is not None and PROGRAMS[self.program].exact
        return not firm or self.deviation <= TOLERANCE

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Row:
        """The reverse of ``asdict``."""
        return cls(**{**found, "tried": {int(k): v for k, v in found["tried"].items()}})


@dataclass
class Comparison:
    """Programs on one net."""

    net: Net
    threads: int
    machine: dict[str, object]
    rows: list[Row] = field(default_factory=list)

    def row(self, program: str) -> Row:
        """The row of a program."""
        return next(row for row in self.rows if row.program == program)

    @property
    def agree(self) -> bool:
        """Whether the exact engine runs and every other program agrees with it."""
        return self.row(EXACT).stopped is None and all(row.agrees for row in self.rows)

    def joined(self, older: Comparison) -> Comparison:
        """With the rows of an older measurement, on the same machine, that this one has not."""
        mine = {row.program: row for row in self.rows}
        if (older.net, older.threads, older.machine) == (self.net, self.threads, self.machine):
            mine = {row.program: row for row in older.rows} | mine
        return Comparison(self.net, self.threads, self.machine, _in_order(mine.values()))

    def to_json(self) -> dict[str, Any]:
        """Everything; the medians as well, which ``from_json`` does not need."""
        return {
            "net": self.net.to_json(),
            "threads": self.threads,
            "machine": self.machine,
            "coefficients": self.net.features * (self.net.features + 3) // 2 * self.net.outputs,
            "flops_per_event": self.net.flops(),
            "rows": [asdict(row) for row in self.rows],
            "events_per_s": {row.program: _or_null(row.events_per_s) for row in self.rows},
            "exact_over": {row.program: _or_null(row.ratio) for row in self.rows},
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Comparison:
        """The reverse of ``to_json``."""
        rows = [Row.from_json(row) for row in found["rows"]]
        return cls(Net.from_json(found["net"]), found["threads"], found["machine"], rows)


def deviation(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    """‖a − b‖ / ‖b‖; infinite where either is not finite."""
    relative = float(np.linalg.norm(a - b) / np.linalg.norm(b))
    return relative if math.isfinite(relative) else math.inf


def _in_order(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: list(PROGRAMS).index(row.program))


def _or_null(number: float) -> float | None:
    return None if math.isnan(number) else number
