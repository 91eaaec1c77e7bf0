"""Trains, analyzes, selects, trains again, and says what holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import onnx

import onnxtaylor as ot
from validation.higgs_challenge.claims import FRACTION, MASS, claims
from validation.higgs_challenge.comparison import compared
from validation.higgs_challenge.figures import figures
from validation.higgs_challenge.section import section
from validation.higgs_challenge.significance import LEAST_BACKGROUND, roc
from validation.higgs_challenge.training import Sample, Training, trained
from validation.higgs_data import HiggsEvents
from validation.study import Outcome, Study
from validation.training import export

__all__ = ["STUDY", "run"]

SEEDS, SHORT_SEEDS = 5, 2
REPLICATES, SHORT_REPLICATES = 300, 20


def run(short: bool) -> Outcome:
    """The whole study: five networks, their coefficients, and ten networks on fewer variables."""
    sample = Sample.read(short)
    seeds = range(SHORT_SEEDS if short else SEEDS)
    trainings = {"all": [trained(sample, sample.train.names, seed, short) for seed in seeds]}
    results = [_analyzed(training, sample) for training in trainings["all"]]
    chosen = ot.select(results[0], FRACTION)
    rest = ot.select(results[0], FRACTION, inverted=True)
    for variant, selection in (("selected", chosen), ("others", rest)):
        trainings[variant] = [trained(sample, selection.names, seed, short) for seed in seeds]
    variables = {"all": len(sample.train.names), "selected": len(chosen.names),
                 "others": len(rest.names)}  # fmt: skip
    count = SHORT_REPLICATES if short else REPLICATES
    numbers = {
        "events": {part: _counts(getattr(sample, part)) for part in ("train", "held_out", "test")},
        "analysis": _analysis(results[0]),
        "selection": _selection(chosen, results),
        "variables": variables,
        "seeds": len(seeds),
        "least_background": LEAST_BACKGROUND,
        **compared(trainings, sample.test, sample.held_out, count),
    }
    curves = {
        variant: np.array([roc(t.test, sample.test) for t in found])
        for variant, found in trainings.items()
    }
    return Outcome(
        numbers, claims(numbers), figures(results[0], chosen.cuts[0].kept, numbers, curves)
    )


def _analyzed(training: Training, sample: Sample) -> ot.TaylorResult:
    """⟨t⟩ of a network on all variables, over the test events, per class and pooled."""
    test = sample.test
    return ot.analyze(
        _named(export(training.model)),
        sample.scaler(test.x),
        feature_names=test.names,
        weights=test.weight,
        labels=np.where(test.signal == 1, "s", "b"),
        scale="unit",
    )


def _named(model: onnx.ModelProto, name: str = "signal") -> onnx.ModelProto:
    """The model with a name for its response that a reader of figures understands."""
    (output,) = model.graph.output
    for node in model.graph.node:
        node.output[:] = [name if tensor == output.name else tensor for tensor in node.output]
    output.name = name
    return model


def _counts(events: HiggsEvents) -> dict[str, Any]:
    b, s = np.bincount(events.signal.astype(int))
    weights = np.bincount(events.signal.astype(int), events.weight)
    return {
        **{"events": len(events.x), "signal": int(s), "background": int(b)},
        **{"signal_weight": float(weights[1]), "background_weight": float(weights[0])},
    }


def _analysis(result: ot.TaylorResult) -> dict[str, Any]:
    """The ranking of one network in numbers."""
    falling = np.sort(result.score[0, 0])[::-1]
    kept = ot.select(result, FRACTION).cuts[0].kept
    first = dict(zip(result.features, result.vector().tolist(), strict=True))
    keys = ("label", "order", "features", "score", "sem", "rank", "rank_low", "rank_high")
    return {
        "coefficients": len(falling),
        "check": (result.check or {}).get("verdict"),
        "kept": kept,
        "share_of_kept": float(falling[:kept].sum() / falling.sum()),
        "median_over_largest": float(np.median(falling) / falling[0]),
        "with_mass": sum(
            any(name.startswith(MASS) for name in row["features"]) for row in result.top(kept)
        ),
        "top": [{key: row[key] for key in keys} for row in result.top(kept)],
        "first_order": sorted(first, key=lambda name: -first[name]),
        "n_eff": result.data.n_eff,
    }


def _selection(chosen: ot.Selection, results: Sequence[ot.TaylorResult]) -> dict[str, Any]:
    """The variables behind the upper part, and of them with other weights and networks."""
    found = [set(ot.select(result, FRACTION).names) for result in results]
    elsewhere = {
        f"events of {name}": ot.select(results[0], FRACTION, group=name).names
        for name in ("s", "b")
    }
    return {
        "features": [
            {**asdict(f), "networks": sum(f.name in names for names in found)}
            for f in chosen.features
        ],
        "names": list(chosen.names),
        "elsewhere": {
            what: {
                "more": [name for name in names if name not in chosen.names],
                "fewer": [name for name in chosen.names if name not in names],
            }
            for what, names in elsewhere.items()
        },
    }


STUDY = Study(
    name="higgs_challenge",
    title="The Higgs challenge: 495 coefficients, and the variables behind the upper 5 %",
    run=run,
    section=section,
    needs=("tensorflow", "keras", "tf2onnx", "scikit-learn"),
)
