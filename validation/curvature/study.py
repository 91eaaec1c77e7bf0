"""The study of second order across kinks, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from validation.curvature import higgs, nets, progress
from validation.curvature.figures import rankings, toys
from validation.curvature.judge import toy_claims
from validation.curvature.telling import section
from validation.curvature.workers import in_processes
from validation.learning_progress.figure import draw
from validation.learning_progress.nets import Size as TrackedSize
from validation.study import Outcome, Study
from validation.toys import coefficient_names, expected_scores

__all__ = ["STUDY", "outcome"]


def run(short: bool) -> Outcome:
    """Trains and analyzes all nets, two or more at a time."""
    size = nets.SHORT if short else nets.FULL
    of_toys = [
        (toy, key, seed, size)
        for toy in nets.TOYS
        for key in nets.ACTIVATIONS
        for seed in size.seeds
    ]
    of_higgs = [
        (key, seed, short)
        for key in ("relu", "tanh")
        for seed in (higgs.SHORT_SEEDS if short else higgs.SEEDS)
    ]
    steps = progress.SHORT if short else progress.FULL
    trained = in_processes(nets.study_net, of_toys)
    ranked = in_processes(higgs.study_higgs_net, of_higgs)
    tracked = in_processes(progress.study_progress, [(steps, seed) for seed in size.seeds])
    ideal = {toy: nets.averaged_ideal(toy, size) for toy in nets.TOYS}
    found: dict[str, dict[str, Any]] = {
        toy: {
            "expected": _expected(toy),
            "ideal": ideal[toy],
            "nets": {key: [] for key in nets.ACTIVATIONS},
        }
        for toy in nets.TOYS
    }
    for (toy, key, *_), net in zip(of_toys, trained, strict=True):
        found[toy]["nets"][key].append(net)
    by_activation: dict[str, list[dict[str, Any]]] = {"relu": [], "tanh": []}
    for (key, *_), net in zip(of_higgs, ranked, strict=True):
        by_activation[key].append(net)
    return outcome(size, found, by_activation, tracked, steps)


def outcome(
    size: nets.Size,
    of_toys: Mapping[str, Mapping[str, Any]],
    of_higgs: Mapping[str, Sequence[Mapping[str, Any]]],
    tracked: Sequence[Mapping[str, Any]],
    steps: TrackedSize,
) -> Outcome:
    """Judges what was found of all nets."""
    ranking = higgs.compared(of_higgs)
    claims = [
        *toy_claims(of_toys),
        *higgs.higgs_claims(ranking),
        *progress.progress_claims(tracked),
    ]
    return Outcome(
        numbers={
            "size": asdict(size),
            "toys": of_toys,
            "higgs": ranking,
            "progress": {"size": vars(steps), "nets": tracked},
        },
        claims=claims,
        figures={
            "toys": toys(of_toys),
            "higgs": rankings(of_higgs, ranking),
            "progress": draw(tracked),
        },
    )


def _expected(toy: str) -> dict[str, float]:
    scenario = nets.TOYS[toy]
    values = expected_scores(scenario).tolist()
    names = coefficient_names(scenario.inputs)
    return {name: round(value, 6) for name, value in zip(names, values, strict=True)}


STUDY = Study(
    "curvature",
    "Second order across kinks: ReLU nets beside the closed form",
    run,
    section,
    needs=("tensorflow", "keras", "tf2onnx", "scikit-learn"),
)
