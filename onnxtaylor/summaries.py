"""The parts of a result that are no coefficients: what was analyzed, what is suspicious."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["DataSummary", "FeatureSummary", "Finding", "GroupSummary", "ModelSummary"]


@dataclass(frozen=True)
class FeatureSummary:
    """One feature in the data; moments are weighted and leave missing values out.

    ``kinks`` is the share of the events at which a kink or step of a response lies within reach of
    the stencil along this feature; None where the engine has no stencil.
    """

    name: str
    mean: float
    std: float
    min: float
    max: float
    missing: int
    kinks: float | None = None


@dataclass(frozen=True)
class GroupSummary:
    """The events of one group: ``all``, or one class."""

    name: str
    events: int
    sum_weight: float
    n_eff: float


@dataclass(frozen=True)
class DataSummary:
    """What was analyzed: n_eff = (Σw)² / Σw²."""

    sources: tuple[str, ...]
    events: int
    sum_weight: float
    n_eff: float
    groups: tuple[GroupSummary, ...]
    features: tuple[FeatureSummary, ...]


@dataclass(frozen=True)
class Finding:
    """Something that a reader should know of the data or the model: of a feature, or of all."""

    code: str
    feature: str | None
    message: str


@dataclass(frozen=True)
class ModelSummary:
    """Which function was analyzed, and by which engine."""

    path: str
    sha256: str
    producer: str
    opset: Mapping[str, int]
    output: tuple[str, ...]
    engine: str
    precision: str
    provider: str
