"""The study of second order across kinks, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from validation.curvature import higgs, nets, progress
from validation.curvature.figures import rankings, toys
from validation.curvature.judge import toy_claims
from validation.curvature.telling import section
from validation.curvature.workers import Call, in_processes
from validation.learning_progress.figure import draw
from validation.learning_progress.nets import Size as TrackedSize
from validation.study import Outcome, Study
from validation.toys import coefficient_names, expected_scores

__all__ = ["STUDY", "outcome"]

RANKED = ("relu", "tanh")
REMAINDERS = 3  # nets that are trained on more events


def run(short: bool) -> Outcome:
    """Trains and analyzes all nets, as many at a time as there are processors."""
    size = nets.SHORT if short else nets.FULL
    steps = progress.SHORT if short else progress.FULL
    seeds = higgs.SHORT_SEEDS if short else higgs.SEEDS
    parts: dict[str, list[Call]] = {
        "toys": [(nets.study_net, (*place, size)) for place in _places(size)],
        "longer": [(nets.study_remainder, (seed, size)) for seed in size.seeds[:REMAINDERS]],
        "higgs": [(higgs.study_higgs_net, (key, seed, short)) for key in RANKED for seed in seeds],
        "tracked": [(progress.study_progress, (steps, seed)) for seed in size.seeds],
    }
    answers = iter(in_processes([call for calls in parts.values() for call in calls]))
    found = {name: [next(answers) for _ in calls] for name, calls in parts.items()}
    by_activation = {
        key: found["higgs"][k * len(seeds) : (k + 1) * len(seeds)] for k, key in enumerate(RANKED)
    }
    return outcome(size, found["toys"], found["longer"], by_activation, found["tracked"], steps)


def outcome(
    size: nets.Size,
    trained: Sequence[Mapping[str, Any]],
    longer: Sequence[Mapping[str, Any]],
    of_higgs: Mapping[str, Sequence[Mapping[str, Any]]],
    tracked: Sequence[Mapping[str, Any]],
    steps: TrackedSize,
) -> Outcome:
    """Judges what was found of all nets; those of the toys are in the order of ``_places``."""
    of_toys: dict[str, dict[str, Any]] = {
        toy: {
            "expected": _expected(toy),
            "ideal": nets.averaged_ideal(toy, size),
            "nets": {key: [] for key in nets.ACTIVATIONS},
        }
        for toy in nets.TOYS
    }
    for (toy, key, _), net in zip(_places(size), trained, strict=True):
        of_toys[toy]["nets"][key].append(net)
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
            "longer": longer,
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


def _places(size: nets.Size) -> list[tuple[str, str, int]]:
    """Toy, activation and seed of each net."""
    return [
        (toy, key, seed) for toy in nets.TOYS for key in nets.ACTIVATIONS for seed in size.seeds
    ]


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
