"""The events with the largest coefficients, at which both engines are compared besides the sample.

Where ⟨t⟩ is made by a few events of many, a random sample does not see them: single precision
that cancels at one event in 10⁵ gives a wrong ⟨t⟩ though all sampled events agree. So up to eight
events with the largest shares w abs(t) / Σ w abs(t) are compared, too. There the round-off of the
exact engine is no excuse. With the error bound b of the differences,

    wrong = Σ_events w max(0, abs(t_exact − t_differences) − b) / Σ w abs(t)

is the part of ⟨t⟩ that is wrong for certain, by these events alone. A coefficient **differs** if
that is more than 2 %, by the steps of the differences and by steps half and twice as wide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.crosscheck.budget import NEGLIGIBLE
from onnxtaylor.crosscheck.comparisons import Comparisons
from onnxtaylor.crosscheck.second_look import FACTORS
from onnxtaylor.crosscheck.verdicts import AGREES, DIFFERS, VERDICTS, near_kinks
from onnxtaylor.data import Batch
from onnxtaylor.engine.base import BatchCoefficients, Engine
from onnxtaylor.engine.factory import AnyDifferences
from onnxtaylor.errors import join_names
from onnxtaylor.indices import MultiIndices
from onnxtaylor.results.check_place import BESIDE

__all__ = ["LargestEvents", "WrongEvents", "compare_largest", "find_largest", "judge_largest"]

Floats = npt.NDArray[np.float64]

WRONG = 0.02  # of ⟨t⟩
FEW, DOMINATED = 4, 0.2  # coefficients that are compared beside directions; their share of ⟨t⟩
HELD = 2**22  # coefficients at a time
SHOWN = 3  # numbers of events in a message


@dataclass(frozen=True, eq=False)
class LargestEvents:
    """Events with large shares of ⟨t⟩.

    Parameters
    ----------
    x
        The events, (E, n).
    numbers
        Their numbers in the data, (E,).
    shares, parts
        w abs(t) / Σ w abs(t) and w / Σ w abs(t), the sums over all events of the data, (E, C, K);
        0 for coefficients below 1 % of the response's largest.
    """

    x: Floats
    numbers: npt.NDArray[np.int64]
    shares: Floats
    parts: Floats

    @property
    def dominated(self) -> npt.NDArray[np.int64]:
        """Places of the few coefficients that these events make most of, (K′,)."""
        share = self.shares.sum(axis=0).max(axis=0)
        first = np.argsort(-share, kind="stable")[:FEW]
        return np.asarray(np.sort(first[share[first] > DOMINATED]), np.int64)


@dataclass(frozen=True, eq=False)
class WrongEvents:
    """Events that make ⟨t⟩ wrong, and what both engines say there.

    Parameters
    ----------
    indices
        The K coefficients.
    numbers
        Numbers of the events in the data, (E,).
    wrong
        The part of ⟨t⟩ that is wrong, (C, K).
    terms, differences, bounds
        Coefficients of both engines and the error bound of the differences, (E, C, K).
    """

    indices: MultiIndices
    numbers: npt.NDArray[np.int64]
    wrong: Floats
    terms: Floats
    differences: Floats
    bounds: Floats

    @property
    def differ(self) -> npt.NDArray[np.bool_]:
        """Coefficients whose ⟨t⟩ is wrong, (C, K)."""
        return self.wrong > WRONG

    def of(self, responses: npt.NDArray[np.int64], silent: npt.NDArray[np.bool_]) -> WrongEvents:
        """Returns the same of these responses alone, nothing of the ``silent`` ones of them."""
        arrays = (a[:, responses] for a in (self.terms, self.differences, self.bounds))
        wrong = np.where(silent[:, None], 0.0, self.wrong[responses])
        return WrongEvents(self.indices, self.numbers, wrong, *arrays)


def find_largest(
    engine: Engine, events: Batch | None, whole: Floats, units: Floats
) -> LargestEvents | None:
    """Finds the events with the largest shares of ⟨t⟩.

    Parameters
    ----------
    engine
        Computes the coefficients.
    events
        Events that may be among them.
    whole
        Σ w abs(t) of all events of the data, (C, K).
    units
        Scale of each coefficient in units of the features' spreads, (K,).

    Returns
    -------
    LargestEvents or None
        None where such a few events cannot make 2 % of ⟨t⟩.
    """
    if events is None:
        return None
    size = np.abs(whole) * units
    matters = (size > 0) & (size >= NEGLIGIBLE * size.max(axis=1, keepdims=True, initial=0.0))
    each = np.where(matters, 1.0, 0.0) / np.where(matters, np.abs(whole), 1.0)
    weights = np.abs(events.weights)[:, None, None]
    places, shares = np.zeros(0, np.int64), np.zeros((0, *whole.shape))
    step = max(1, HELD // whole.size)
    for start in range(0, len(events), step):  # as many at a time as are held
        rows = np.arange(start, min(start + step, len(events)))
        new = np.abs(engine.coefficients(events.x[rows]).terms) * each * weights[rows]
        places, shares = np.append(places, rows), np.concatenate([shares, new])
        best = np.argsort(-shares.max(axis=(1, 2)), kind="stable")[:BESIDE]
        places, shares = places[best], shares[best]
    if not (shares.sum(axis=0) > WRONG).any():
        return None
    kept = events.at(places)
    return LargestEvents(kept.x, kept.numbers, shares, weights[places] * each)


def compare_largest(
    exact: Engine,
    differences: AnyDifferences,
    largest: LargestEvents | None,
    limit: Floats,
    columns: npt.NDArray[np.int64] | None = None,
) -> WrongEvents | None:
    """Compares both engines at the events with the largest coefficients.

    Parameters
    ----------
    exact, differences
        The engines.
    largest
        The events; None: there are none.
    limit
        Size of each feature beyond which differences say nothing, (n,).
    columns
        Places of the differences' coefficients among those of the exact engine, (K′,); by default
        they are its first ones.

    Returns
    -------
    WrongEvents or None
        None where no ⟨t⟩ is wrong by more than 2 %. Raises ModelError where an engine fails.
    """
    if largest is None:
        return None
    indices, x = differences.indices, largest.x
    columns = np.arange(len(indices)) if columns is None else columns
    far = indices.having(np.abs(x) > limit)[:, None]
    ours = exact.coefficients(x)
    terms = ours.terms[..., columns]
    parts = np.where(far, 0.0, largest.parts[..., columns])
    joints = None
    if ours.no_derivative is not None:
        joints = ours.no_derivative.among(len(x), ours.terms.shape[2])[..., columns]
    averaged = differences.quantity == "averaged"
    wrong, first = np.full(terms.shape[1:], np.inf), None
    for factor in (1.0, *FACTORS):
        other = differences.with_other_steps
        answer = differences.coefficients(x) if factor == 1 else other(x, factor)
        assert answer.kinks is not None
        off = _beyond(terms, answer)
        off[near_kinks(answer.kinks, indices, terms.shape, joints, averaged=averaged)] = 0.0
        wrong = np.minimum(wrong, (parts * off).sum(axis=0))
        if not (wrong > WRONG).any():
            return None
        if first is None:
            bounds = np.asarray(answer.error_bounds)
            first = answer.terms.copy(), bounds.copy()
    assert first is not None
    return WrongEvents(indices, largest.numbers, wrong, terms, *first)


def _beyond(terms: Floats, answer: BatchCoefficients) -> Floats:
    """Returns max(0, abs(t_exact − t_differences) − b), 0 where nothing can be said, (E, C, K)."""
    assert answer.error_bounds is not None
    with np.errstate(invalid="ignore"):
        off = np.abs(terms - answer.terms) - answer.error_bounds
    return np.where(np.isfinite(off), np.maximum(off, 0.0), 0.0)


def judge_largest(
    found: WrongEvents, fields: Mapping[str, Any], features: Sequence[str], precision: str
) -> tuple[dict[str, Any], str]:
    """Makes a check differ whose coefficients are wrong at the largest events.

    Parameters
    ----------
    found
        What was found there.
    fields
        Fields of the ``CrossCheck`` of the sampled events.
    features
        Names of the features.
    precision
        Format of the exact engine.

    Returns
    -------
    fields, note
        The fields with these events, and a sentence on them.
    """
    differ, sampled = found.differ, fields["comparisons"]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.abs(found.terms - found.differences) / found.bounds
    at = np.broadcast_to(differ, ratio.shape) & (ratio > 1)
    events = np.flatnonzero(at.any(axis=(1, 2)))
    number = int(differ.any(axis=0).sum())
    output, k = np.unravel_index(int(found.wrong.argmax()), found.wrong.shape)
    worst = found.indices.label_at(int(k), features)
    others = f" and {number - 1} more" if number > 1 else ""
    off = np.abs(found.terms - found.differences)[events, output, k]
    shown = found.numbers[events][np.argsort(-off, kind="stable")][:SHOWN].astype(str)
    way = ': use precision="float64"' if precision != "float64" else ""
    note = (
        f"{_percent(found.wrong.max())} of ⟨t⟩ of {worst}{others} is wrong, by few events with very"
        f" large coefficients (numbers {join_names(shown.tolist())}){way}"
    )
    fields = {**fields, "verdict": VERDICTS[DIFFERS], "reason": None}
    if fields["codes"].shape != differ.shape:  # along directions
        return fields, note
    parts = (
        (sampled.numbers, found.numbers),
        (sampled.exact, found.terms),
        (sampled.differences, found.differences),
        (sampled.budget, found.bounds),
        (sampled.ratio, np.where(at, ratio, 0.0)),
        (sampled.codes, np.where(at, DIFFERS, AGREES).astype(np.int8)),
    )
    kept = ~np.isin(sampled.numbers, found.numbers[events])  # each event once
    joined = (np.concatenate([own[kept], new[events]]) for own, new in parts)
    fields["comparisons"] = Comparisons(*joined)
    fields["codes"] = np.where(differ, DIFFERS, fields["codes"]).astype(np.int8)
    return fields, note


def _percent(share: float) -> str:
    """Writes a share, of which more than all is all.

    >>> _percent(0.234), _percent(1.2)
    ('23 %', '100 %')
    """
    return f"{100 * min(share, 1.0):.2g} %" if share < 0.995 else "100 %"
