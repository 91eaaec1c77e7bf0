"""AMS of a cut on a response, ROC curves, and how much the number of test events leaves open.

For s and b expected events of signal and background behind a cut,

    AMS = √(2·((s + b + b_r)·ln(1 + s/(b + b_r)) − s)),    b_r = 10

(Adam-Bourdarios et al., JMLR W&CP 42 (2015) 19). Weights of a part of the events are scaled to the
sums of the full sample first, class by class: see ``higgs_data.FULL_SUMS``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from validation.higgs_data import FULL_SUMS, HiggsEvents

__all__ = ["GRID", "Scan", "ams", "auc", "passing", "replicates", "roc", "scan"]

Floats = npt.NDArray[np.float64]

REGULAR = 10.0  # b_r of the challenge
# Background events that a cut has to leave, unweighted: AMS is largest where a handful of events
# of small weight happens to be all that is left, and such a cut means nothing on other events.
LEAST_BACKGROUND = 100
GRID = np.linspace(0.0, 1.0, 201)  # background efficiencies of the ROC curves


def ams(s: npt.ArrayLike, b: npt.ArrayLike, regular: float = REGULAR) -> Floats:
    """The approximate median significance of the challenge; s and b in expected events.

    >>> ams(0, 100).item(), round(ams(691.99, 410999.85).item(), 4)
    (0.0, 1.079)
    """
    s, b = np.asarray(s, float), np.asarray(b, float) + regular
    return np.sqrt(2 * ((s + b) * np.log1p(s / b) - s))


@dataclass(frozen=True)
class Scan:
    """AMS of every cut: ``response >= cut``. Arrays (cuts,), cuts falling.

    ``background`` counts the background events behind the cut, unweighted.
    """

    cut: Floats
    ams: Floats
    background: npt.NDArray[np.int64]

    def best(self, least: int = LEAST_BACKGROUND) -> float:
        """The cut of the largest AMS that leaves ``least`` background events, else all."""
        allowed = self.background >= least
        if not allowed.any():
            return float(self.cut[-1])
        return float(self.cut[np.where(allowed, self.ams, -np.inf).argmax()])


def scan(response: npt.NDArray[Any], events: HiggsEvents) -> Scan:
    """AMS of the cuts at each value of a response, (N,), that occurs."""
    falling = np.argsort(-response, kind="stable")
    value, signal = response[falling], events.signal[falling] == 1
    weight = events.expected()[falling]
    last = np.append(value[1:] != value[:-1], True)  # a cut takes all events of a value
    s = np.cumsum(np.where(signal, weight, 0.0))[last]
    b = np.cumsum(np.where(signal, 0.0, weight))[last]
    return Scan(value[last].astype(float), ams(s, b), np.cumsum(~signal)[last])


def passing(response: npt.NDArray[Any], cut: float) -> npt.NDArray[np.bool_]:
    """Which events lie behind a cut."""
    return np.asarray(response >= cut)


def auc(response: npt.NDArray[Any], events: HiggsEvents, times: Floats | None = None) -> float:
    """Area under the weighted ROC curve; ``times`` (N,): how often each event counts."""
    from sklearn.metrics import roc_auc_score

    weight = events.weight if times is None else events.weight * times
    return float(roc_auc_score(events.signal, response, sample_weight=weight))


def roc(response: npt.NDArray[Any], events: HiggsEvents) -> Floats:
    """Signal efficiency at the background efficiencies of ``GRID``, weighted."""
    from sklearn.metrics import roc_curve

    background, signal, _ = roc_curve(events.signal, response, sample_weight=events.weight)
    return np.interp(GRID, background, signal)


def ams_behind(passed: npt.NDArray[np.bool_], events: HiggsEvents, times: Floats) -> Floats:
    """AMS of chosen events in replicates of the sample.

    passed (T, N): the events behind each of T cuts; times (R, N): how often each event counts.
    Either class has the sum of the full sample in every replicate. Returns (R, T).
    """
    sums = []
    for label, total in enumerate(FULL_SUMS):
        weight = times * np.where(events.signal == label, events.weight, 0.0)
        sums.append(weight @ passed.T * (total / weight.sum(axis=1, keepdims=True)))
    b, s = sums
    return ams(s, b)


def replicates(events: int, count: int, seed: int = 2018) -> Floats:
    """How often each event counts in Poisson-bootstrap replicates, (count, events)."""
    return np.random.default_rng(seed).poisson(1.0, (count, events)).astype(float)
