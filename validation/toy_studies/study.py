"""The study of the toys, put together."""

from __future__ import annotations

from dataclasses import asdict, replace

from validation.study import Outcome, Study
from validation.toy_studies.figure import bars
from validation.toy_studies.nets import FULL, SHORT, STEADY, study_scenario
from validation.toy_studies.telling import claims, section
from validation.toys import SCENARIOS, THREE_INPUTS

__all__ = ["STUDY"]


def run(short: bool) -> Outcome:
    """Every scenario; short: fewer events, one net each."""
    size = SHORT if short else FULL
    scenarios = {**SCENARIOS, THREE_INPUTS.name: THREE_INPUTS}
    found = {name: study_scenario(scenario, size) for name, scenario in scenarios.items()}
    constant = replace(SHORT, rate=STEADY.rate, last=STEADY.last) if short else STEADY
    steady = {"scenario": "A", "rate": constant.rate, **study_scenario(SCENARIOS["A"], constant)}
    return Outcome(
        numbers={"size": asdict(size), "scenarios": found, "steady": steady},
        claims=claims(found),
        figures={"bars": bars(found)},
    )


STUDY = Study(
    "toy_studies",
    "Gaussian toys: trained nets against the closed form",
    run,
    section,
    needs=("tensorflow",),
)
