"""One input of a model: its role, its axes, its variables, and how sets are padded.

See ``onnxtaylor.inputs`` for the roles and axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from onnxtaylor.errors import OptionError, name_hint, printable
from onnxtaylor.inputs.transform import IDENTITY, Transform

__all__ = ["AXES", "ROLES", "InputSpecification", "Value", "Variable", "first_twice"]

ROLES = ("features", "context", "mask", "fixed")
AXES = ("batch", "variable", "slot")

Value = float | int | bool | str | tuple[Any, ...]  # tuples of tuples for more than one axis


@dataclass(frozen=True)
class Variable:
    """One quantity that an input of the model takes.

    Parameters
    ----------
    name
        Name in tables: ``pt`` of ``pf.pt[3]``.
    column
        Column or branch of the data: one with a list for each event, or the first part of the names
        of flat columns, ``pf_pt`` of ``pf_pt_0``, ``pf_pt_1``, …. Default: it is sought by name.
    transform
        What is done to its values before the model gets them.
    padding
        Its value in slots that are not filled, after the transform. Default: that of the input.
    """

    name: str
    column: str | None = None
    transform: Transform = IDENTITY
    padding: float | None = None


@dataclass(frozen=True)
class InputSpecification:
    """One input of the model.

    Parameters
    ----------
    name
        Name of the model's input.
    role
        ``features``, ``context``, ``mask`` or ``fixed``.
    axes
        Meaning of the tensor's axes, in their order: ``batch``, ``variable``, ``slot``, one or none
        of each. Default: batch and variable, or those of an input that only the model describes.
    variables
        Variables in the order of the tensor. An input without the axis ``variable`` has one; it
        need not be named and is called as the input is.
    min_length, max_length
        Fewest and most slots of the tensor: shorter sets are padded, longer ones cut off. Without
        ``max_length`` the tensor is as long as the longest set.
    padding
        Value in slots that are not filled, after the transforms.
    mask_of
        Of a mask: the features inputs whose filled slots it tells.
    filled
        Of a mask: its value at slots that are filled, 1 or 0. The other one stands for padding.
    value
        Of a fixed input: the value that it is held at, a number, a text, true or false, or nested
        tuples of such.
    prefix
        First part of the names of its features. Default: the name of the input.

    Raises OptionError, whose option is the key at fault, for what contradicts itself.
    """

    name: str
    role: str
    axes: tuple[str, ...] | None = None
    variables: tuple[Variable, ...] = ()
    min_length: int = 0
    max_length: int | None = None
    padding: float = 0.0
    mask_of: tuple[str, ...] = ()
    filled: int = 1
    value: Value | None = None
    prefix: str | None = None

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            hint = name_hint(self.role, ROLES)
            raise OptionError(f"'{printable(self.role)}' does not exist{hint}", option="role")
        for axis in self.axes or ():
            if axis not in AXES:
                hint = name_hint(axis, AXES)
                raise OptionError(f"'{printable(axis)}' does not exist{hint}", option="axes")
            if self.axes and self.axes.count(axis) > 1:
                raise OptionError(f"has '{axis}' twice: one or none of each", option="axes")
        self._check_length()
        self._check_role()
        names = [variable.name for variable in self.variables]
        twice = first_twice(names)
        if twice is not None:
            raise OptionError(f"has '{printable(twice)}' twice", option="variables")
        if len(names) > 1 and not self.has("variable"):
            raise OptionError(
                f"are {len(names)}, but the axes are {', '.join(self.layout)}: an input without the"
                " axis variable has one",
                option="variables",
            )

    def _check_length(self) -> None:
        """Raises OptionError for lengths that no tensor has."""
        least, most = self.min_length, self.max_length
        if (least or most is not None) and not self.has("slot"):
            raise OptionError(
                'makes sense only with the axis slot: write axes = ["batch", "slot", "variable"] in'
                " the order of the tensor",
                option="min-length" if least else "max-length",
            )
        if least < 0:
            raise OptionError(f"must be at least 0, got {least}", option="min-length")
        if most is not None and most < max(least, 1):
            raise OptionError(f"must be at least {max(least, 1)}, got {most}", option="max-length")

    def _check_role(self) -> None:
        """Raises OptionError for keys that belong to another role."""
        if (self.value is None) == (self.role == "fixed"):
            needs = "is missing: an input that is fixed has a value"
            spare = f"makes sense only where the role is fixed, got {self.role}"
            raise OptionError(needs if self.value is None else spare, option="value")
        if self.mask_of and self.role != "mask":
            raise OptionError(
                f"makes sense only where the role is mask, got {self.role}", option="mask-of"
            )
        if self.filled not in (0, 1):
            raise OptionError(f"must be 1 or 0, got {self.filled}", option="filled")

    @property
    def layout(self) -> tuple[str, ...]:
        """The axes, or their default."""
        return self.axes if self.axes is not None else ("batch", "variable")

    @property
    def own_variables(self) -> tuple[Variable, ...]:
        """The variables; one that is called as the input where the axis ``variable`` is missing.

        A mask that names no variable has one, too.
        """
        if self.variables or (self.has("variable") and self.role != "mask"):
            return self.variables
        return (Variable(self.name),)

    @property
    def called(self) -> str:
        """The first part of the names of its features."""
        return self.prefix or self.name

    def has(self, axis: str) -> bool:
        """Whether the tensor has an axis."""
        return axis in self.layout

    def length(self, longest: int) -> int:
        """Returns the number of slots of a tensor that holds sets of up to ``longest`` objects."""
        most = longest if self.max_length is None else min(longest, self.max_length)
        return max(most, self.min_length)


def first_twice(names: Sequence[str]) -> str | None:
    """Returns the first name that occurs twice, None if all differ."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
