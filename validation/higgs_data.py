"""Events of the ATLAS Higgs boson machine learning challenge 2014, as the studies take them.

ATLAS collaboration (2014), CERN Open Data Portal, record 328, DOI 10.7483/OPENDATA.ATLAS.ZBP2.M5T8:
30 features (13 derived, 17 primitive), a weight and a label, s (H→ττ) or b. Missing values are
−999. What is at hand is the first 22 889 of the 250 000 training events (KaggleSet t), unbroken.

    events = higgs_events()                              all, in the order of the source
    train, held_out, test = events.split()               by the last digit of the event's number
    scaler = Standardization.of(train.x)                 −999 → −10, then mean 0 and std 1
    z = scaler(test.x)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pc

from validation.study import StudyError, real_data

__all__ = [
    "FULL_SUMS",
    "SOURCE",
    "HiggsEvents",
    "Standardization",
    "feature_names",
    "higgs_events",
    "read_table",
    "replaced",
]

Floats = npt.NDArray[np.floating[Any]]

SOURCE = Path("higgs/atlas-higgs-challenge-2014-v2_first22889.csv.gz")
KEPT = ("EventId", "Weight", "Label", "KaggleWeight")
MISSING_BELOW, REPLACEMENT = -900.0, -10.0
# Last digits of the event numbers: half to train, a fifth to stop and to cut by, the rest to test.
PARTS = ((0, 1, 2, 3, 4), (5, 6), (7, 8, 9))
# Σ KaggleWeight of background and signal over all 250 000 training events: the expected events of
# the challenge (Adam-Bourdarios et al., JMLR W&CP 42 (2015) 19). A part is scaled up to them.
FULL_SUMS = (410_999.85, 691.99)


@dataclass(frozen=True)
class HiggsEvents:
    """x (N, 30) float32 as in the source, signal (N,) of 0 and 1, weight (N,), number (N,).

    ``weight`` is KaggleWeight, ``number`` EventId, ``names`` are those of the 30 features.
    """

    x: npt.NDArray[np.float32]
    signal: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float64]
    number: npt.NDArray[np.int64]
    names: tuple[str, ...]

    @classmethod
    def of(cls, table: pa.Table) -> HiggsEvents:
        """The numbers of a table."""
        names = feature_names(table)
        x = np.column_stack([table[name].to_numpy() for name in names])
        signal = np.array([label == "s" for label in table["Label"].to_pylist()])
        return cls(
            x.astype("f4"),
            signal.astype("f4"),
            table["KaggleWeight"].to_numpy(),
            table["EventId"].to_numpy(),
            tuple(names),
        )

    def take(self, rows: npt.NDArray[Any]) -> HiggsEvents:
        """The events of these rows."""
        return replace(
            self,
            x=self.x[rows],
            signal=self.signal[rows],
            weight=self.weight[rows],
            number=self.number[rows],
        )

    def split(self, parts: Sequence[Sequence[int]] = PARTS) -> tuple[HiggsEvents, ...]:
        """One part for each set of last digits of the event number: train, held out, test."""
        digit = self.number % 10
        return tuple(self.take(np.flatnonzero(np.isin(digit, part))) for part in parts)

    def balanced(self) -> npt.NDArray[np.float32]:
        """w_k · N / (2 Σ w over the class of k): either class has the total N/2."""
        totals = np.bincount(self.signal.astype(int), self.weight)
        weight = self.weight / totals[self.signal.astype(int)]
        return (weight * len(weight) / 2).astype("f4")

    def expected(self) -> npt.NDArray[np.float64]:
        """w_k · S_c / Σ w over the class c of k: either class has the sum S_c of the full sample.

        S_c of ``FULL_SUMS``; in expected numbers of events.
        """
        classes = self.signal.astype(int)
        return self.weight * (np.array(FULL_SUMS) / np.bincount(classes, self.weight))[classes]


@dataclass(frozen=True)
class Standardization:
    """x → (x' − mean)/std with x' after −999 → −10; mean and std (n,), without weights."""

    mean: npt.NDArray[np.float64]
    std: npt.NDArray[np.float64]

    @classmethod
    def of(cls, x: Floats) -> Standardization:
        """The moments of some events, (N, n), in float64."""
        y = replaced(x)
        return cls(y.mean(axis=0, dtype="f8"), y.std(axis=0, dtype="f8"))

    def __call__(self, x: Floats) -> npt.NDArray[np.float32]:
        """Standardized events, (N, n) → (N, n)."""
        return ((replaced(x) - self.mean) / self.std).astype("f4")


def replaced(x: Floats) -> Floats:
    """−10 in place of −999, as in Wunsch et al. (arXiv:1803.08782)."""
    return np.where(x < MISSING_BELOW, x.dtype.type(REPLACEMENT), x)


def feature_names(table: pa.Table) -> list[str]:
    """The 13 derived and 17 primitive quantities, in the order of the source."""
    return [name for name in table.column_names if name.startswith(("DER_", "PRI_"))]


def read_table(path: Path) -> pa.Table:
    """All events of a file; the features as float64 (the source's PRI_jet_num is integer).

    Raises StudyError where the file has other columns.
    """
    table = pc.read_csv(path)
    names = feature_names(table)
    if len(names) != 30 or not set(KEPT) <= set(table.column_names):
        raise StudyError(f"{path} does not have the columns of the Higgs challenge")
    columns = ["EventId", *names, "Weight", "Label", "KaggleWeight"]
    types = [
        (name, pa.float64() if name in names else table.schema.field(name).type) for name in columns
    ]
    return table.select(columns).cast(pa.schema(types))


def higgs_events() -> HiggsEvents:
    """All events at hand. Raises StudyError without ``ONNXTAYLOR_DATA``."""
    return HiggsEvents.of(read_table(real_data(str(SOURCE))))
