"""The study: both networks, the folded analysis, and what it is compared with."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pyarrow as pa

import onnxtaylor as ot
from onnxtaylor.results.taylor import TaylorResult
from validation.folds.telling import section
from validation.folds.trainings import FOLDS, Folded, read_events, train_fold
from validation.study import Claim, Outcome, Study
from validation.training import export, quiet_tensorflow

__all__ = ["STUDY", "claims"]

Floats = npt.NDArray[np.float64]

EQUAL = 1e-12  # of a score, relative: sums in another order
SINGLE = 1e-5  # of a score, relative: gradients in single precision
LEADING = 25  # coefficients: the upper 5 % of 495
OPTIONS: dict[str, Any] = {"scale": "unit", "curvature": "pointwise", "batch_size": 512}


def run(short: bool) -> Outcome:
    """Trains both networks, analyzes them together and one by one."""
    data = read_events(short)
    nets = [train_fold(data, k, short) for k in range(FOLDS)]
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"fold{k}.onnx") for k in range(FOLDS)]
        for net, path in zip(nets, paths, strict=True):
            onnx.save(export(net), path)
        folded = ot.analyze(paths, _table(data), fold="EventId % 2", weights="weight", **OPTIONS)
        alone = [
            ot.analyze(
                path, data.z[data.fold == k], weights=data.events.weight[data.fold == k], **OPTIONS
            )
            for k, path in enumerate(paths)
        ]
    weight = data.events.weight
    found = {
        "events": [fold.events for fold in folded.folds],
        "epochs": [len(net.history.history["loss"]) for net in nets],
        "checks": [fold.check for fold in folded.folds],
        "by_hand": _apart(folded.score[0, 0], _combined(alone)),
        "tensorflow": _apart(folded.vector(), _by_tensorflow(data, nets, weight)),
        "leading": _leading(folded),
        "wrong": _apart(folded.score[0, 0], alone[0].score[0, 0]),
    }
    return Outcome(found, claims(found))


def claims(found: Mapping[str, Any]) -> list[Claim]:
    """What the numbers say of each claim."""
    rows: Sequence[Mapping[str, Any]] = found["leading"]
    above = sum(row["spread"] > row["sem"] for row in rows)
    return [
        Claim(
            "⟨t⟩ of the folded analysis is that of two analyses combined by hand,"
            f" Σ_k ⟨t⟩_k Σ_k w / Σ w, to {EQUAL:.0e}",
            f"largest relative deviation {found['by_hand']:.1e} of 495 coefficients",
            found["by_hand"] <= EQUAL,
        ),
        Claim(
            "⟨t_i⟩ is that of TensorFlow's gradients, every event through the network that did not"
            f" train on it, to {SINGLE:.0e}",
            f"largest relative deviation {found['tensorflow']:.1e} of 30 coefficients",
            found["tensorflow"] <= SINGLE,
        ),
        Claim(
            "of most leading coefficients the spread between the folds exceeds the statistical"
            " error: another training changes more than other events do",
            f"of {above} of the {len(rows)} highest ranked",
            above > len(rows) / 2,
        ),
    ]


def _table(data: Folded) -> pa.Table:
    """The events as a file has them, with the number that tells their fold."""
    columns: dict[str, Any] = dict(zip(data.events.names, data.z.T, strict=True))
    return pa.table({"EventId": data.events.number, **columns, "weight": data.events.weight})


def _combined(results: Sequence[TaylorResult]) -> Floats:
    """Σ_k ⟨t⟩_k W_k / Σ_k W_k, (K,)."""
    weights = np.array([result.data.sum_weight for result in results])
    return np.array(weights @ np.stack([r.score[0, 0] for r in results]) / weights.sum())


def _by_tensorflow(data: Folded, nets: Sequence[Any], weight: Floats) -> Floats:
    """Σ w abs(∂f/∂x_i) / Σ w by gradient tapes, (30,)."""
    quiet_tensorflow()
    import tensorflow as tf

    total = np.zeros(data.z.shape[1])
    for k, net in enumerate(nets):
        own = np.flatnonzero(data.fold == k)
        for rows in np.array_split(own, -(-len(own) // 4096)):
            x = tf.constant(data.z[rows])
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = net(x, training=False)[:, 0]
            slopes = np.abs(np.asarray(tape.gradient(y, x), np.float64))
            total += weight[rows] @ slopes
    return np.array(total / weight.sum())


def _leading(result: TaylorResult) -> list[dict[str, Any]]:
    """Name, score, statistical error, scores of the folds and their spread; best ranks first."""
    return [
        {
            "label": row["label"],
            "score": row["score"],
            "sem": row["sem"],
            "spread": row["fold_spread"],
            "folds": [row[f"score_fold{k}"] for k in range(FOLDS)],
        }
        for row in result.top(LEADING)
    ]


def _apart(found: Floats, wanted: Floats) -> float:
    """Largest deviation, relative to the wanted numbers."""
    return float(np.max(np.abs(found - wanted) / np.abs(wanted)))


STUDY = Study(
    "folds",
    "k-fold models: every event through the network that did not train on it",
    run,
    section,
    needs=("tensorflow", "tf2onnx"),
)
