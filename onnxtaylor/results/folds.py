"""Folds of a result: models that were each trained without the events they are applied to.

⟨t⟩ of a result is over all events, each through the model of its fold. Beside it there is ⟨t⟩ of
each fold's model over the events of this fold, s_k, and their spread between the F folds,

    √( Σ_k (s_k − s̄)² / (F − 1) )        s̄ = Σ_k s_k / F

the standard deviation of ⟨t⟩ of one training: what another training on other events would change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.results.documents import part

__all__ = ["FoldSummary", "fold_columns", "fold_names", "read_folds"]

Floats = npt.NDArray[np.float64]

SPREAD = "fold_spread"


@dataclass(frozen=True)
class FoldSummary:
    """One fold: its model, the events that went through it, and the verdict of their check."""

    model: str
    sha256: str
    engine: str
    events: int
    sum_weight: float
    n_eff: float
    check: str | None


def fold_names(folds: int) -> tuple[str, ...]:
    """Returns the names of the tidy columns about folds; none without folds.

    >>> fold_names(2)
    ('fold_spread', 'score_fold0', 'score_fold1')
    """
    return (SPREAD, *(f"score_fold{k}" for k in range(folds))) if folds else ()


def fold_columns(scores: Floats | None) -> dict[str, Floats]:
    """Returns the tidy columns about folds, each (C, G, K), of scores (F, C, G, K)."""
    if scores is None:
        return {}
    spread = np.std(scores, axis=0, ddof=1)
    return dict(zip(fold_names(len(scores)), [spread, *scores], strict=True))


def read_folds(
    document: Mapping[str, Any], column: Callable[[str, type], npt.NDArray[Any]]
) -> dict[str, Any]:
    """Returns the fields ``folds`` and ``fold_scores`` of a result's document.

    ``column`` reads a column of its rows. Raises ValueError where rows lack scores of a fold, or
    have a spread that is not theirs, and where the folds do not share the events.
    """
    folds = tuple(part(FoldSummary, row) for row in document.get("folds", ()))
    if not folds:
        return {}
    _check_events(folds, document["data"]["events"])
    try:
        spread, *scores = (column(name, float) for name in fold_names(len(folds)))
    except KeyError as error:
        raise ValueError(f"coefficients must have {error.args[0]} in all rows") from None
    stacked = np.stack(scores)
    if not np.allclose(spread, fold_columns(stacked)[SPREAD], rtol=1e-9, atol=1e-300):
        raise ValueError(f"coefficients must have the spread of their folds as {SPREAD}")
    return {"folds": folds, "fold_scores": stacked}


def _check_events(folds: Sequence[FoldSummary], events: int) -> None:
    """Raises ValueError where the folds do not share all events, or have N_eff beyond their own."""
    total = sum(fold.events for fold in folds)
    if total != events:
        raise ValueError(f"folds must share {events} events, got {total}")
    for k, fold in enumerate(folds):
        if fold.n_eff > fold.events * (1 + 1e-9):
            raise ValueError(
                f"folds[{k}].n_eff must be at most {fold.events}, its events, got {fold.n_eff}"
            )
