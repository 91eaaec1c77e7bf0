"""Remarks on a check: what was left out, what is rounded, which event a row belongs to."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.crosscheck.answers import Answers
from onnxtaylor.crosscheck.budget import NEGLIGIBLE
from onnxtaylor.crosscheck.sample import Sample
from onnxtaylor.crosscheck.second_engine import Engines
from onnxtaylor.results.quantity import averaging_words

__all__ = ["averaging_remark", "left_out", "nearest_event", "rounding_remark", "rounding_share"]

ROUNDED = 1e-5  # of ⟨t⟩; most nets in single precision have a tenth of it

Floats = npt.NDArray[np.float64]


def averaging_remark(engines: Engines) -> tuple[str, ...]:
    """Says over which steps second order is averaged, where it is."""
    steps = engines.steps
    if steps is None:
        return ()
    asked: Any = steps.describe()["asked"]
    return (f"second order is {averaging_words(asked)}: kinks are part of it",)


def nearest_event(sample: Sample, row: npt.NDArray[np.floating] | None, spread: Floats) -> int:
    """Returns the number of the event nearest to a row, from which the row was displaced."""
    if row is None:
        return int(sample.numbers[0])
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.abs(sample.x - row) / np.where(spread > 0, spread, 1.0)
    return int(sample.numbers[np.nan_to_num(apart).sum(axis=1).argmin()])


def rounding_share(answers: Answers, orders: npt.NDArray[np.int64], units: Floats) -> float:
    """Returns the largest share of a ⟨t⟩ that is round-off of the exact engine in single precision.

    Coefficients below 1 % of the response's largest, in ``units`` (K,) of spread, are left out:
    theirs is large, and of no weight. So is second order that is averaged over steps: kinks make
    it jump, which looks like noise. Nothing is better than double precision: it is 0 there.
    """
    if answers.precision == "float64":
        return 0.0
    size = np.nansum(np.abs(answers.exact.terms), axis=0) * units
    matters = size >= NEGLIGIBLE * size.max(axis=-1, keepdims=True, initial=0.0)
    if answers.averaged:
        matters &= orders == 1
    return float(answers.share[matters].max(initial=0.0))


def rounding_remark(share: float) -> tuple[str, ...]:
    """Says how much of ⟨t⟩ is round-off of the exact engine, where it is more than usual."""
    if not share > ROUNDED:
        return ()
    return (
        f"the round-off of single precision is about {share:.1g} of ⟨t⟩, more than usual: use"
        ' precision="float64"',
    )


def left_out(events: int, sample: Sample, order: int) -> tuple[str, ...]:
    """Lists notes on events and orders that were left out."""
    notes = []
    wanted = min(sample.asked, sample.total)
    if events < wanted:
        notes.append(f"{events} of {wanted} events, to keep the check short")
    elif wanted < sample.asked:
        notes.append(f"all {wanted} events: there are no more")
    if order > 2:
        notes.append("third order is not checked: it is beyond finite differences")
    return tuple(notes)
