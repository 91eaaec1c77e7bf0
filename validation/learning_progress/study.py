"""The study: networks tracked, claims judged, the figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from validation.learning_progress.figure import draw
from validation.learning_progress.nets import CLOSE, FULL, SHORT, track
from validation.learning_progress.telling import section
from validation.study import Claim, Outcome, Study

__all__ = ["STUDY", "claims"]

SAME = 1e-5  # of a coefficient in single precision
FIRST, PAIR = ("t_1", "t_2"), "t_12"


def run(short: bool) -> Outcome:
    """Trains and tracks one network after another."""
    size = SHORT if short else FULL
    nets = []
    for seed in range(1, size.seeds + 1):
        numbers, _ = track(size, seed)
        nets.append(numbers)
    found = {
        "size": {**vars(size), "hidden": [100]},
        "nets": nets,
    }
    return Outcome(found, claims(nets), {"steps": draw(nets)})


def claims(nets: Sequence[Mapping[str, Any]]) -> list[Claim]:
    """What the numbers say of each claim."""
    first = [max(_step(net["half"][name]) for name in FIRST) for net in nets]
    pair = [_step(net["half"][PAIR]) for net in nets]
    near = [net["linear"] for net in nets]
    turns = [_step(net["turn"]) for net in nets]
    last = [net["last"][PAIR] for net in nets]
    swapped = max(net["swapped"] for net in nets)
    ordered = all(a["nearest"] < turn for a, turn in zip(near, turns, strict=True))
    return [
        Claim(
            "the marginal distributions come first: ⟨t_1⟩ and ⟨t_2⟩ stay above half of the closed"
            " form before ⟨t_12⟩ does, in every network",
            f"from step {_range(first)}; ⟨t_12⟩ from step {_range(pair)}",
            all(a < b for a, b in zip(first, pair, strict=True)) and max(first) < float("inf"),
        ),
        Claim(
            f"on the way all five ⟨t⟩ are, within {100 * CLOSE:.0f} % of their norm, those of the"
            " best linear logit, which is all that the marginal distributions ask for",
            f"{_while(near)}; at best within"
            f" {_percent([a['distance'] for a in near])}, at step"
            f" {_range([a['nearest'] for a in near])}",
            all(a["distance"] <= CLOSE for a in near) and ordered,
        ),
        Claim(
            "the correlation comes second: from a later step to the end they are nearer to the"
            f" full closed form, at the end within {100 * CLOSE:.0f} % of its norm",
            f"from step {_range(turns)} on; at the end within"
            f" {_percent([net['last_distance'] for net in nets])} of it",
            max(turns) < float("inf") and all(net["last_distance"] <= CLOSE for net in nets),
        ),
        Claim(
            f"at the end the leading coefficient ⟨t_12⟩ is within {100 * CLOSE:.0f} % of the closed"
            " form",
            f"{min(last):.2f}–{max(last):.2f} of it",
            all(abs(value - 1) <= CLOSE for value in last),
        ),
        Claim(
            "the graph that was given new weights at each step answers, at the end, as an analysis"
            f" of the exported network does, to {SAME:.0e}",
            f"largest deviation {swapped:.1e} of a coefficient",
            swapped <= SAME,
        ),
    ]


def _step(value: float | None) -> float:
    return float("inf") if value is None else value


def _while(near: Sequence[Mapping[str, Any]]) -> str:
    """From where to where networks are as near as that."""
    if all(a["first"] is None for a in near):
        return "never"
    first, last = ([_step(a[key]) for a in near] for key in ("first", "last"))
    return f"from step {_range(first)} until step {_range(last)}"


def _range(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g}–{high:g}"


def _percent(values: Sequence[float]) -> str:
    return f"{100 * min(values):.1f}–{100 * max(values):.1f} %"


STUDY = Study(
    "learning_progress",
    "Learning progress: the marginal distributions first, the correlation second",
    run,
    section,
    needs=("tensorflow", "tf2onnx"),
)
