"""Fixtures that several test modules share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from onnxtaylor.indices import MultiIndices
from onnxtaylor.results.taylor import (
    DataSummary,
    FeatureSummary,
    GroupSummary,
    ModelSummary,
    TaylorResult,
)
from onnxtaylor.statistics.ranks import ranks


def synthetic_result(
    features: int | Sequence[str] = 3,
    outputs: Sequence[str] = ("y",),
    classes: Sequence[str] = (),
    *,
    order: int = 2,
    indices: MultiIndices | None = None,
    seed: int = 0,
    bootstrap: bool = True,
    **options: object,
) -> TaylorResult:
    """A result of random scores: log-normal, second order smaller than first, SEM 2–8 %."""
    names = [f"x{i}" for i in range(features)] if isinstance(features, int) else list(features)
    groups = ["all", *classes]
    indices = indices or MultiIndices.full(len(names), order)
    random = np.random.default_rng(seed)
    shape = (len(outputs), len(groups), len(indices))
    strength = random.lognormal(-1.0, 0.8, (len(outputs), 1, len(names)))
    score = indices.scale(np.ones(len(names))) * 0.4 ** (indices.orders - 1) * np.ones(shape)
    for column in indices.table.T:
        score = score * np.where(column >= 0, strength[..., column], 1.0)
    score = score * random.lognormal(0.0, 0.5, shape)
    rank = ranks(score)
    return TaylorResult(
        model=ModelSummary(
            "model.onnx", "0" * 64, "numpy", {"": 21}, tuple(outputs), "exact", "float32", "CPU"
        ),
        data=DataSummary(
            ("events.csv",),
            1000,
            900.5,
            880.25,
            _groups(groups),
            tuple(FeatureSummary(n, 0.5, 1.0, -3.0, 3.5, 0) for n in names),
        ),
        options={"order": order, "scale": "unit", "link": "identity", **options},
        indices=indices,
        score=score,
        sem=score * random.uniform(0.02, 0.08, shape),
        signed_mean=score * random.uniform(-1, 1, shape),
        rms=score * 1.3,
        rank=rank,
        rank_low=np.maximum(rank - 2, 1) if bootstrap else None,
        rank_high=np.minimum(rank + 2, len(indices)) if bootstrap else None,
        version="0.1.0",
    )


def _groups(names: Sequence[str]) -> tuple[GroupSummary, ...]:
    """All events, and classes that share them; the first one has what is left over."""
    count = max(1, len(names) - 1)
    classes = [1000 // count + (1000 % count) * (not k) for k in range(len(names) - 1)]
    return tuple(
        GroupSummary(name, events, 0.9005 * events, 0.88025 * events)
        for name, events in zip(names, [1000, *classes], strict=True)
    )


@pytest.fixture(scope="session")
def make_result() -> Callable[..., TaylorResult]:
    """``make_result(features, outputs, classes, …)``: a synthetic result."""
    return synthetic_result
