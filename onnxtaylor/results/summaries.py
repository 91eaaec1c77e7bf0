"""Parts of a result besides its coefficients: model, data, features, groups, notices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import nan
from typing import Any

from onnxtaylor.errors import OptionError, printable
from onnxtaylor.results.classes import ResponseNode
from onnxtaylor.results.documents import check_unique, part, with_nulls

__all__ = [
    "DataSummary",
    "FeatureSummary",
    "GroupSummary",
    "ModelSummary",
    "Notice",
    "VariableSummary",
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
class VariableSummary:
    """A variable, an input or another group of features, with the names of its features.

    The coefficients of a result by variable, by input, or by groups are those of such groups.
    """

    name: str
    features: tuple[str, ...]


@dataclass(frozen=True)
class GroupSummary:
    """The events of one group: ``all``, or one class."""

    name: str
    events: int
    sum_weight: float
    n_eff: float


@dataclass(frozen=True)
class DataSummary:
    """The events that were analyzed: n_eff = (Σw)² / Σw².

    ``variables`` are what the coefficients are by; empty where they are by feature.
    ``negative_weights`` says whether any weight is negative; None in results of earlier versions.
    """

    sources: tuple[str, ...]
    events: int
    sum_weight: float
    n_eff: float
    groups: tuple[GroupSummary, ...]
    features: tuple[FeatureSummary, ...]
    variables: tuple[VariableSummary, ...] = ()
    negative_weights: bool | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of what the coefficients are by: features, or groups of them."""
        return tuple(one.name for one in self.variables or self.features)

    def features_of(self, number: int) -> tuple[FeatureSummary, ...]:
        """Features that the name of this number stands for: one, or those of a variable."""
        if not self.variables:
            return (self.features[number],)
        members = set(self.variables[number].features)
        return tuple(feature for feature in self.features if feature.name in members)

    @property
    def signed(self) -> bool:
        """Whether coefficients have a sign; by variable, input or group they are sums of abs(t)."""
        return not self.variables

    @classmethod
    def from_document(cls, row: Mapping[str, Any]) -> DataSummary:
        """Returns the summary of a JSON object, in which an undefined moment is null.

        Raises ValueError for a name of a group, feature or variable that occurs twice, and for a
        variable of features that are not there.
        """
        groups = tuple(part(GroupSummary, group) for group in row["groups"])
        features = tuple(_feature(feature) for feature in row["features"])
        check_unique([group.name for group in groups], "names in data.groups")
        check_unique([feature.name for feature in features], "names in data.features")
        variables = tuple(
            VariableSummary(one["name"], tuple(one["features"])) for one in row.get("variables", ())
        )
        check_unique([one.name for one in variables], "names in data.variables")
        known = {feature.name for feature in features}
        for k, one in enumerate(variables):
            unknown = [name for name in one.features if name not in known]
            if unknown:
                raise ValueError(
                    f"data.variables[{k}].features must be among data.features, got {unknown[0]!r}"
                )
        return part(
            cls,
            row,
            sources=tuple(row["sources"]),
            groups=groups,
            features=features,
            variables=variables,
        )

    def to_document(self) -> dict[str, Any]:
        """Returns the JSON object, without what is not known and variables that are not there."""
        row = asdict(self)
        row["features"] = [with_nulls(feature) for feature in row["features"]]
        if not self.variables:
            del row["variables"]
        if self.negative_weights is None:
            del row["negative_weights"]
        return row


@dataclass(frozen=True)
class Notice:
    """A warning of a result about the data or the model.

    ``feature`` is the feature it concerns; None where it concerns no single one.
    """

    code: str
    feature: str | None
    message: str


def units_apart(features: Sequence[FeatureSummary], scale: object) -> Notice | None:
    """Returns a notice where coefficients per ``unit`` compare features of σ more than 10 apart.

    ``scale`` is the scale of the coefficients. Features of σ = 0 do not count.
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
        ' scale="sigma"'
    )
    return Notice("units", None, text)


@dataclass(frozen=True)
class ModelSummary:
    """Summary of the analyzed function, and of its engine.

    ``nodes`` are the nodes of all requested outputs, of which ``output`` names the chosen ones;
    empty in results of earlier versions.
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
        """Returns the summary of a JSON object.

        Raises ValueError for a name that occurs twice, or that no node has.
        """
        nodes = tuple(part(ResponseNode, node) for node in row["nodes"])
        names = [node.name for node in nodes]
        check_unique(names, "names in model.nodes")
        for name in row["output"]:
            if nodes and name not in names:
                raise ValueError(f"model.output must be names of model.nodes, got {name!r}")
        return part(cls, row, output=tuple(row["output"]), nodes=nodes)


def place_of(asked: str | int | None, names: Sequence[str], kind: str) -> int:
    """Returns the place of an output or group, by its name or place; 0 for None.

    Raises OptionError listing the names; ``kind`` is their noun, such as feature.
    """
    if asked is None:
        return 0
    if isinstance(asked, int) and not isinstance(asked, bool) and 0 <= asked < len(names):
        return asked
    if asked in names:
        return names.index(str(asked))
    raise OptionError(
        f"the result has no {kind} {printable(asked)!r}: it has "
        + ", ".join(printable(n) for n in names)
    )


def _feature(row: Mapping[str, Any]) -> FeatureSummary:
    moments = {k: nan for k in ("mean", "std", "min", "max") if row[k] is None}
    return part(FeatureSummary, row, **moments)
