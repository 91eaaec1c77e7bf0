"""What a ReLU net of the mixed toy learns first, tracked with averaged second order.

Recipe, references and judgement are those of ``validation.learning_progress``, whose nets have
tanh nodes. Averaged coefficients are analyzed anew at each step that is tracked, so fewer are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from validation.learning_progress.nets import FULL as TANH
from validation.learning_progress.nets import SHORT as SHORT_TANH
from validation.learning_progress.nets import Size, track
from validation.learning_progress.study import claims
from validation.study import Claim

__all__ = ["FULL", "SHORT", "progress_claims", "study_progress"]

FULL: Size = replace(TANH, activation="relu", every=20)
SHORT: Size = replace(SHORT_TANH, activation="relu", every=20)


def study_progress(size: Size, seed: int) -> dict[str, Any]:
    """The numbers of one training, and what kind of second order was tracked."""
    numbers, result = track(size, seed)
    return {**numbers, "curvature": result.options["curvature"]}


def progress_claims(nets: Sequence[Mapping[str, Any]]) -> list[Claim]:
    """The claims of ``validation.learning_progress``, of ReLU nets.

    But for the last, of a graph that is given new weights: averaged coefficients have none.
    """
    averaged = [net["curvature"] for net in nets].count("averaged")
    return [
        Claim(
            "learning progress of ReLU nets, toy C: by default averaged second order is tracked",
            f"in {averaged} of {len(nets)}",
            averaged == len(nets),
        ),
        *(replace(claim, text=f"so tracked, {claim.text}") for claim in claims(nets)[:-1]),
    ]
