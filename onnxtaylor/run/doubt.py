"""Doubts about a check: events that make a ⟨t⟩ and that it cannot have seen."""

from __future__ import annotations

from dataclasses import replace

from onnxtaylor.crosscheck.verdicts import AGREES, UNDECIDED, VERDICTS
from onnxtaylor.problem.few_events import FEW_EVENTS
from onnxtaylor.results.taylor import TaylorResult

__all__ = ["doubt_unseen"]


def doubt_unseen(result: TaylorResult) -> TaylorResult:
    """Takes its agreement from a check by sampled events alone, where few events make a ⟨t⟩.

    That is where the sums were made by other processes, or are those of variables or of chosen
    pairs. In double precision round-off at single events is no danger.
    """
    check, made = result.check, [n for n in result.warnings if n.code == FEW_EVENTS]
    if not made or check is None or check.get("verdict") != VERDICTS[AGREES]:
        return result
    if "float32" not in result.model.precision and "float16" not in result.model.precision:
        return result
    reason = (
        "few events make most of a ⟨t⟩ (see the warning), and these were not compared: use"
        ' precision="float64"'
    )
    return replace(result, check={**check, "verdict": VERDICTS[UNDECIDED], "reason": reason})
