"""Specifications of a model's inputs: what each is, which columns it takes, how these are prepared.

See ``onnxtaylor.inputs`` for the roles and axes.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from onnxtaylor.errors import OptionError, name_hint, printable
from onnxtaylor.inputs.model_input import InputSpecification, Variable, first_twice

__all__ = ["DataSpecification", "FeatureColumn", "Specification"]


@dataclass(frozen=True)
class DataSpecification:
    """Contents of the data besides the inputs: tree of a ROOT file, columns of weights and labels.

    ``classes`` are labels in the order of the responses.
    """

    tree: str | None = None
    weight: str | None = None
    label: str | None = None
    classes: tuple[str, ...] = ()


class FeatureColumn(NamedTuple):
    """One feature, and where its values come from.

    ``column`` is the variable's column, None where it is sought by name; ``slot`` is counted from
    0, None for an input without slots. The values are those of the list column ``column`` at
    ``slot``, or those of the flat column ``{column}_{slot}``.
    """

    feature: str
    input: str
    variable: str
    slot: int | None
    column: str | None


@dataclass(frozen=True)
class Specification:
    """All inputs of a model, and what else is known of its data and responses.

    Parameters
    ----------
    inputs
        The inputs, in the order in which their features are listed.
    outputs
        Names of the response nodes, None where they are those of the model.
    data
        Tree, weight, label, classes.
    expand_transforms
        Whether the transforms are part of the function that is expanded: coefficients are then per
        unit of the variable, else per unit of the model's input.
    origin
        Where it comes from, for messages.

    Raises OptionError for inputs that contradict one another.
    """

    inputs: tuple[InputSpecification, ...]
    outputs: tuple[str, ...] | None = None
    data: DataSpecification = field(default_factory=DataSpecification)
    expand_transforms: bool = False
    origin: str = field(default="the specification of inputs", compare=False)

    def __post_init__(self) -> None:
        twice = first_twice([one.name for one in self.inputs])
        if twice is not None:
            raise self._error(f"two inputs are called '{printable(twice)}'")
        for k, one in enumerate(self.inputs):
            for other in one.mask_of:
                self._check_masked(one, other, f"inputs[{k}].mask-of")
        twice = first_twice([called for _, _, called in self._named()])
        if twice is not None:
            raise self._error(
                f"two features are called '{printable(twice)}': give one of their inputs another"
                " prefix"
            )

    def _check_masked(self, mask: InputSpecification, name: str, where: str) -> None:
        """Raises OptionError where a mask cannot tell the filled slots of an input."""
        known = {one.name: one for one in self.inputs}
        if name not in known:
            candidates = [one.name for one in self.inputs if one.role == "features"]
            hint = name_hint(name, candidates)
            raise self._error(f"{where}: no input is called '{printable(name)}'{hint}")
        masked = known[name]
        if masked.role in ("mask", "fixed") or not masked.has("slot"):
            what = f"is {masked.role}" if masked.has("slot") else "has no axis slot"
            raise self._error(f"{where}: '{printable(name)}' {what}: a mask tells filled slots")
        if not mask.has("slot"):
            raise self._error(f"{where}: the mask has no axis slot")
        lengths = (mask.min_length, mask.max_length), (masked.min_length, masked.max_length)
        if lengths[0] != lengths[1]:
            raise self._error(
                f"{where}: '{printable(name)}' and its mask differ in min-length or max-length"
            )

    def _error(self, message: str) -> OptionError:
        return OptionError(message).located(self.origin)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Specification:
        """Reads a specification, or makes one of a file that ``read_specification`` knows."""
        from onnxtaylor.inputs.read import read_specification

        return read_specification(path)

    def to_toml(self, comments: Mapping[str, str] | None = None) -> str:
        """Returns the text of an ``inputs.toml``; ``comments`` are of inputs, by their names."""
        from onnxtaylor.inputs.toml import specification_text

        return specification_text(self, comments)

    def input(self, name: str) -> InputSpecification:
        """Returns one input. Raises OptionError, with the nearest name, if there is none."""
        for one in self.inputs:
            if one.name == name:
                return one
        hint = name_hint(name, [one.name for one in self.inputs])
        raise self._error(f"no input is called '{printable(name)}'{hint}")

    def masks_of(self, name: str) -> tuple[InputSpecification, ...]:
        """Returns the masks that tell the filled slots of an input."""
        return tuple(one for one in self.inputs if name in one.mask_of)

    def feature_names(self, slots: Mapping[str, int] | None = None) -> list[str]:
        """Returns the names of all features: inputs in order, each in the C order of its tensor.

        A feature is called ``input.variable[slot]``, slot counted from 0; without the axis slot it
        is called ``variable``, or ``input.variable`` where two inputs have a variable of that name.

        Parameters
        ----------
        slots
            Number of slots by input, as the data have them; needed where it is not fixed. Default:
            ``max_length``.
        """
        return [row.feature for row in self.feature_columns(slots)]

    def feature_columns(self, slots: Mapping[str, int] | None = None) -> list[FeatureColumn]:
        """Returns the names of all features with their columns; see ``feature_names``."""
        rows: list[FeatureColumn] = []
        called = {(one.name, v.name): name for one, v, name in self._named()}
        for one in self.inputs:
            if one.role != "features":
                continue
            own = one.own_variables
            if not own:
                raise self._error(
                    f"input '{printable(one.name)}' names no variables: write variables = […]"
                )
            if not one.has("slot"):
                rows += [
                    FeatureColumn(called[one.name, v.name], one.name, v.name, None, v.column)
                    for v in own
                ]
                continue
            count = self._slots(one, slots or {})
            pairs = [(v, s) for v in own for s in range(count)]
            if one.has("variable") and one.layout.index("slot") < one.layout.index("variable"):
                pairs = [(v, s) for s in range(count) for v in own]
            rows += [
                FeatureColumn(f"{called[one.name, v.name]}[{s}]", one.name, v.name, s, v.column)
                for v, s in pairs
            ]
        return rows

    def _slots(self, one: InputSpecification, slots: Mapping[str, int]) -> int:
        """Returns the number of slots of an input."""
        if one.name in slots:
            return slots[one.name]
        if one.max_length is None:
            raise self._error(
                f"input '{printable(one.name)}' has any number of slots: write max-length = …"
            )
        return one.max_length

    def _named(self) -> list[tuple[InputSpecification, Variable, str]]:
        """Returns the variables of features inputs with their names, without slots."""
        features = [one for one in self.inputs if one.role == "features"]
        flat = Counter(v.name for one in features if not one.has("slot") for v in one.own_variables)
        named = []
        for one in features:
            for v in one.own_variables:
                alone = not one.has("slot") and flat[v.name] == 1
                short = alone or v.name == one.called
                named.append((one, v, v.name if short else f"{one.called}.{v.name}"))
        return named
