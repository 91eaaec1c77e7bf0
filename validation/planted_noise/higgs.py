"""Higgs challenge: a feature's column permuted over all events, the network trained anew.

A permutation keeps the distribution of the feature, and destroys what it has to do with the label,
the weight and every other feature. Events, standardization and settings stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

import onnxtaylor as ot
from onnxtaylor.results.ranking import influential
from validation.higgs_data import HiggsEvents, Standardization, higgs_events
from validation.training import Network, export, quiet_tensorflow, train

__all__ = ["ANGLES", "FULL", "PLACES", "SHORT", "Plan", "places_of", "planted", "study_higgs"]

# Alone they say nothing: no direction around the beam is preferred, by physics or detector.
ANGLES = ("PRI_tau_phi", "PRI_lep_phi", "PRI_met_phi")
PLACES = (1, 15, 30)  # in first order, of the features that are replaced: top, middle, bottom
PARTS = ((0, 1, 2, 3, 4, 5, 6), (7, 8, 9))  # last digits of the events to train and to analyze


@dataclass(frozen=True)
class Training:
    """A network, and the learning rate that its own falls to, epoch by epoch."""

    name: str
    network: Network
    last: float


@dataclass(frozen=True)
class Plan:
    """``usual`` for every replaced feature, ``others`` for that of the highest place alone."""

    usual: Training
    others: tuple[Training, ...]
    seeds: tuple[int, ...]
    places: tuple[int, ...]
    thinned: int = 1  # one event in so many


NETWORK = Network(hidden=(100, 100), l2=1e-4, learning_rate=3e-3, batch=256, epochs=30)
USUAL = Training("L2 1e-4", NETWORK, 1e-4)
OTHERS = (
    Training("overfitted", replace(NETWORK, l2=0.0, epochs=100), 3e-3),
    Training("L2 1e-2", replace(NETWORK, l2=1e-2), 1e-4),
)
FULL = Plan(USUAL, OTHERS, (1, 2), PLACES)
SHORT = Plan(replace(USUAL, network=replace(NETWORK, epochs=6)), (), (1,), (1,), thinned=4)


def study_higgs(plan: Plan) -> dict[str, Any]:
    """Keys ``before``: a list of nets; ``planted``: a list of replaced features, each with nets.

    A net is what ``_net`` returns. Raises StudyError without the data.
    """
    events = higgs_events()
    if plan.thinned > 1:  # by tens: the last digits, by which the parts are made, stay
        events = events.take(np.flatnonzero(events.number // 10 % plan.thinned == 0))
    before = [_net(events, plan.usual, seed) for seed in plan.seeds]
    chosen = places_of([net["first"] for net in before], plan.places)
    found = []
    for place, feature in chosen.items():
        trainings = (plan.usual, *(plan.others if place == min(chosen) else ()))
        for training in trainings:
            nets = [_net(events, training, seed, feature) for seed in plan.seeds]
            one = {"feature": feature, "place": place, "training": training.name, "nets": nets}
            found.append(one)
    return {
        "before": before,
        "planted": found,
        "features": len(events.names),
        "training_events": len(events.split(PARTS)[0].x),
        "analyzed_events": len(events.split(PARTS)[1].x),
    }


def places_of(nets: Sequence[dict[str, float]], places: Sequence[int]) -> dict[int, str]:
    """The features at these places of the first-order ranking of the nets' mean ⟨t⟩."""
    mean = {name: np.mean([net[name] for net in nets]) for name in nets[0]}
    falling = sorted(mean, key=lambda name: -mean[name])
    return {place: falling[place - 1] for place in places}


def planted(events: HiggsEvents, feature: str, seed: int) -> HiggsEvents:
    """The events with the column of a feature permuted over all of them."""
    x, column = events.x.copy(), events.names.index(feature)
    x[:, column] = np.random.default_rng(seed).permutation(x[:, column])
    return replace(events, x=x)


def _net(
    events: HiggsEvents, training: Training, seed: int, feature: str | None = None
) -> dict[str, Any]:
    """One training and its analysis: AUC, first-order ⟨t⟩; of a replaced feature also its ranks.

    ``rank`` among the features, ``influential`` of its coefficients among the upper 5 % of all, and
    ``best`` and ``median`` rank of its second-order coefficients among those of second order.
    """
    if feature is not None:
        events = planted(events, feature, seed)
    fit, test = events.split(PARTS)
    scaler = Standardization.of(fit.x)
    model = _trained(training, seed, scaler(fit.x), fit)
    result = ot.analyze(
        export(model),
        scaler(test.x),
        feature_names=events.names,
        weights=test.balanced(),
        scale="unit",
        bootstrap=0,
        check=0,
    )
    first = dict(zip(events.names, result.vector().tolist(), strict=True))
    net: dict[str, Any] = {
        "seed": seed,
        "auc_train": _auc(model, scaler(fit.x), fit),
        "auc": _auc(model, scaler(test.x), test),
        "first": {name: round(score, 6) for name, score in first.items()},
    }
    if feature is not None:
        net |= _ranks(result, feature)
    return net


def _trained(training: Training, seed: int, z: npt.NDArray[Any], events: HiggsEvents) -> Any:
    network = replace(training.network, seed=seed)
    rate = network.learning_rate
    fall = (training.last / rate) ** (1 / max(1, network.epochs - 1))
    schedule = quiet_tensorflow().callbacks.LearningRateScheduler(lambda epoch: rate * fall**epoch)
    return train(network, z, events.signal, events.balanced(), callbacks=[schedule])


def _auc(model: Any, z: npt.NDArray[Any], events: HiggsEvents) -> float:
    from sklearn.metrics import roc_auc_score

    response = model.predict(z, batch_size=5000, verbose=0)[:, 0]
    return float(roc_auc_score(events.signal, response, sample_weight=events.weight))


def _ranks(result: ot.TaylorResult, feature: str) -> dict[str, Any]:
    """Where a feature's coefficients stand."""
    column, score = result.features.index(feature), result.score[0, 0]
    mine = (result.indices.table == column).any(axis=1)
    first, second = result.indices.orders == 1, result.indices.orders == 2
    own = int(np.flatnonzero(first & mine)[0])
    upper = influential(score)
    ranks = (-score[second]).argsort().argsort()[mine[second]] + 1
    return {
        "score": float(score[own]),
        "sem": float(result.sem[0, 0, own]),
        "rank": int((score[first] > score[own]).sum()) + 1,
        "influential": int(mine[upper].sum()),
        "kept": len(upper),
        "second_order": int(second.sum()),
        "best": int(ranks.min()),
        "median": float(np.median(ranks)),
    }
