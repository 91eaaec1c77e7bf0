"""An engine that was chosen, and why it is no other one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from onnxtaylor.engine.averaged.choose import CurvatureChoice
from onnxtaylor.engine.base import Engine
from onnxtaylor.engine.bucketed import Bucketed
from onnxtaylor.engine.differences.averaged import AveragedDifferences
from onnxtaylor.engine.differences.engine import Differences

__all__ = ["AnyDifferences", "ChosenEngine"]

AnyDifferences: TypeAlias = Differences | AveragedDifferences | Bucketed


@dataclass(frozen=True)
class ChosenEngine:
    """An engine, and why it is no other one.

    Parameters
    ----------
    engine
        Computes the coefficients.
    differences
        The same engine, where all responses are served by differences; else None.
    reasons
        Why ``auto`` could not take the exact engine for all responses (``no_exact_engine``) or
        double precision (``no_float64``), None where it could; empty where neither was tried.
    curvature
        Whether second order is averaged over steps, and why.
    """

    engine: Engine
    differences: AnyDifferences | None = None
    reasons: Mapping[str, str | None] = field(default_factory=dict)
    curvature: CurvatureChoice = field(default_factory=CurvatureChoice)

    @property
    def no_exact_engine(self) -> str | None:
        """Why a response has no exact derivatives; None where all have, or none was tried."""
        return self.reasons.get("no_exact_engine")
