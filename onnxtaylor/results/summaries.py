"""The parts of a result that are no coefficients: what was analyzed, what is suspicious."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

from onnxtaylor.errors import OptionError, printable
from onnxtaylor.results.classes import ResponseNode
from onnxtaylor.results.documents import checked

__all__ = [
    "DataSummary",
    "FeatureSummary",
    "GroupSummary",
    "ModelSummary",
    "Notice",
    "place_of",
    "units_apart",
]

APART = 10.0  # factor between the σ of features whose coefficients per unit stand in one table


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

    @classmethod
    def from_document(cls, row: Mapping[str, Any]) -> DataSummary:
        """From JSON, in which an undefined moment is null. Raises TypeError, LookupError."""
        return checked(
            cls(
                **{
                    **row,
                    "sources": tuple(row["sources"]),
                    "groups": tuple(checked(GroupSummary(**g)) for g in row["groups"]),
                    "features": tuple(_feature(f) for f in row["features"]),
                }
            )
        )


@dataclass(frozen=True)
class Notice:
    """Something that a reader should know of the data or the model: of a feature, or of all."""

    code: str
    feature: str | None
    message: str


def units_apart(features: Sequence[FeatureSummary], scale: object) -> Notice | None:
    """A finding where coefficients per ``unit`` compare features whose σ differ tenfold or more.

    ``scale`` is that of the coefficients. Features of σ = 0 do not count.
    """
    varying = [feature for feature in features if feature.std > 0]
    if scale != "unit" or not varying:
        return None
    least, most = (end(varying, key=lambda feature: feature.std) for end in (min, max))
    if most.std <= APART * least.std:
        return None
    text = (
        "coefficients are per unit of the input, and σ of the features goes from"
        f" {least.std:.3g} ('{printable(least.name)}') to {most.std:.3g}"
        f" ('{printable(most.name)}'): ⟨t⟩ of different features cannot be compared: use"
        " --scale sigma"
    )
    return Notice("units", None, text)


@dataclass(frozen=True)
class ModelSummary:
    """Which function was analyzed, and by which engine.

    ``nodes`` are those of all outputs that were asked for, of which ``output`` names those that
    were chosen; empty where a result of an earlier version does not tell.
    """

    path: str
    sha256: str
    producer: str
    opset: Mapping[str, int]
    output: tuple[str, ...]
    engine: str
    precision: str
    provider: str
    nodes: tuple[ResponseNode, ...] = ()

    @classmethod
    def from_document(cls, row: Mapping[str, Any]) -> ModelSummary:
        """From JSON; earlier versions wrote no nodes. Raises TypeError, ValueError, LookupError."""
        nodes = tuple(checked(ResponseNode(**node)) for node in row.get("nodes", ()))
        made = checked(cls(**{**row, "output": tuple(row["output"]), "nodes": nodes}))
        names = [node.name for node in nodes]
        if nodes and (len(set(names)) < len(names) or set(made.output) - set(names)):
            raise ValueError("model.output and model.nodes do not agree")
        return made


def place_of(wanted: str | int | None, names: Sequence[str], kind: str) -> int:
    """The place of an output or group, by its name or place; 0 for None.

    Raises OptionError naming what there is; ``kind`` is what the names are of.
    """
    if wanted is None:
        return 0
    if isinstance(wanted, int) and not isinstance(wanted, bool) and 0 <= wanted < len(names):
        return wanted
    if wanted in names:
        return names.index(str(wanted))
    raise OptionError(
        f"the result has no {kind} {printable(wanted)!r}: it has "
        + ", ".join(printable(n) for n in names)
    )


def _feature(row: Mapping[str, Any]) -> FeatureSummary:
    known: dict[str, Any] = {k: nan if v is None and k != "kinks" else v for k, v in row.items()}
    return checked(FeatureSummary(**known))
