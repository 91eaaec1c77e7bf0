"""The study of planted noise, put together."""

from __future__ import annotations

from dataclasses import asdict

from validation.planted_noise import higgs, toy
from validation.planted_noise.figure import figure
from validation.planted_noise.telling import claims, section
from validation.study import Outcome, Study

__all__ = ["STUDY"]


def run(short: bool) -> Outcome:
    """The Higgs challenge and the toy; short: fewer events, nets and replaced features."""
    plan, toy_plan = (higgs.SHORT, toy.SHORT) if short else (higgs.FULL, toy.FULL)
    numbers = {
        "plan": {"higgs": asdict(plan), "toy": asdict(toy_plan)},
        "higgs": higgs.study_higgs(plan),
        "toy": toy.study_toy(toy_plan),
    }
    return Outcome(numbers, claims(numbers), {"scores": figure(numbers)})


STUDY = Study(
    "planted_noise",
    "Planted noise: what has no information falls to the bottom",
    run,
    section,
    needs=("tensorflow", "scikit-learn"),
)
