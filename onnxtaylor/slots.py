"""Names of features of a set, such as ``pf.pt[3]``, and groups of features.

A name is ``input.variable[slot]``: the variable ``pt`` of the object in slot 3 of the input ``pf``.
Slots are counted from 0. An input without slots has features ``input.variable``, or ``variable``.
Two features belong to the same object if they have the same slot of the same input; features
without slots describe the event as a whole, or what their input stands for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import OptionError, name_hint, printable

__all__ = ["FeatureName", "Grouping"]

NONE = -1  # number of the group of a feature that is in none, slot of a feature that has none

Integers = npt.NDArray[np.int64]

_SLOT = re.compile(r"(?P<stem>.+)\[(?P<slot>0|[1-9]\d{0,8})\]", re.DOTALL)


@dataclass(frozen=True)
class FeatureName:
    """The parts of a feature's name: input (empty: not named), variable, and slot, if it has one.

    >>> FeatureName.parse("pf.pt[3]"), str(FeatureName("pf", "pt", 3))
    (FeatureName(input='pf', variable='pt', slot=3), 'pf.pt[3]')
    >>> FeatureName.parse("m_vis")
    FeatureName(input='', variable='m_vis', slot=None)
    """

    input: str
    variable: str
    slot: int | None = None

    @classmethod
    def parse(cls, name: str, inputs: Sequence[str] = ()) -> FeatureName:
        """Takes a name apart.

        Parameters
        ----------
        name
            The name of a feature.
        inputs
            Names of inputs, which may have dots themselves: the longest that fits is taken, else
            what stands before the last dot.
        """
        slotted = _SLOT.fullmatch(name)
        stem, slot = (slotted["stem"], int(slotted["slot"])) if slotted else (name, None)
        known = [i for i in inputs if stem.startswith(f"{i}.") and len(stem) > len(i) + 1]
        if known:
            input = max(known, key=len)
            return cls(input, stem[len(input) + 1 :], slot)
        input, dot, variable = stem.rpartition(".")
        return cls(input, variable, slot) if dot and input and variable else cls("", stem, slot)

    @property
    def without_slot(self) -> str:
        """Name of the variable with its input: ``pf.pt``."""
        return f"{self.input}.{self.variable}" if self.input else self.variable

    def __str__(self) -> str:
        """Returns the whole name."""
        return self.without_slot + (f"[{self.slot}]" if self.slot is not None else "")


@dataclass(frozen=True, eq=False)
class Grouping:
    """Groups of n features: variables, inputs, or those that a user named.

    Attributes
    ----------
    by
        What the groups are: ``variable``, ``input`` or ``group``.
    names
        Names of the groups.
    group_of
        Number of the group of each feature, (n,); −1 for a feature that is in none.
    slot
        Slot of each feature, (n,); −1 for a feature without slots.
    object_of
        Number of the object that each feature describes, (n,).
    """

    by: str
    names: tuple[str, ...]
    group_of: Integers
    slot: Integers
    object_of: Integers

    @classmethod
    def of(
        cls,
        features: Sequence[str],
        by: str | Mapping[str, Sequence[str]],
        *,
        inputs: Sequence[str] = (),
        sets: Mapping[str, str] | None = None,
    ) -> Grouping:
        """Groups features by their names.

        Parameters
        ----------
        features
            Names of the n features.
        by
            ``variable``, ``input``, or names of groups with the names of their features, names of
            variables, or patterns of either (``*.pt``; upper and lower case differ).
        inputs
            Names of the model's inputs.
        sets
            The set of objects of inputs that share one with others: slot k of two inputs of a set
            is the same object. Each other input is a set of its own, or, where sets are known and
            its features are only numbered as in ``jet[0]``, has no slots.

        Raises
        ------
        OptionError
            For a pattern that matches nothing, a feature in two groups, and, by input, a feature
            whose name has no input where the model has several.
        """
        parsed = [FeatureName.parse(name, inputs) for name in features]
        # an input without slots beside sets: jet[0] is the first of its features, no slot of one
        flat = {name for name in inputs if name not in sets} if sets else set()
        numbered = [not part.input and part.variable in flat for part in parsed]
        groups: Sequence[str | None]
        if isinstance(by, Mapping):
            groups = _user_groups(features, parsed, by)
        elif by == "input":
            groups = [
                part.input or (part.variable if own else _only_input(str(part), inputs))
                for part, own in zip(parsed, numbered, strict=True)
            ]
        else:
            groups = [
                str(part) if own else part.without_slot
                for part, own in zip(parsed, numbered, strict=True)
            ]
        known = dict.fromkeys(by if isinstance(by, Mapping) else groups)
        names = tuple(name for name in known if name is not None)
        places = {name: number for number, name in enumerate(names)}
        slots = [
            NONE if part.slot is None or own else part.slot
            for part, own in zip(parsed, numbered, strict=True)
        ]
        shared = sets or {}
        things = [
            (part.variable if own else shared.get(part.input, part.input), slot)
            for part, own, slot in zip(parsed, numbered, slots, strict=True)
        ]
        objects = {thing: number for number, thing in enumerate(dict.fromkeys(things))}
        return cls(
            by="group" if isinstance(by, Mapping) else by,
            names=names,
            group_of=np.array([NONE if g is None else places[g] for g in groups], np.int64),
            slot=np.array(slots, np.int64),
            object_of=np.array([objects[thing] for thing in things], np.int64),
        )

    def members(self, features: Sequence[str]) -> list[tuple[str, ...]]:
        """Lists the names of the features of each group."""
        return [
            tuple(features[i] for i in np.flatnonzero(self.group_of == number).tolist())
            for number in range(len(self.names))
        ]


def _only_input(name: str, inputs: Sequence[str]) -> str:
    """Returns the input of a feature whose name has none: the only one there is."""
    if len(inputs) == 1:
        return inputs[0]
    raise OptionError(
        f"feature '{printable(name)}' does not name its input, as in 'input.variable': name groups"
        ' of features, or use by="variable"',
        option="by",
    )


def _user_groups(
    features: Sequence[str], parsed: Sequence[FeatureName], by: Mapping[str, Sequence[str]]
) -> list[str | None]:
    """Returns the group of each feature, by the patterns of each group."""
    groups: list[str | None] = [None] * len(features)
    for group, patterns in by.items():
        for pattern in patterns:
            found = _matching(pattern, features, parsed)
            if not found:
                known = [*dict.fromkeys(part.without_slot for part in parsed)]
                raise OptionError(
                    f"no feature matches '{printable(pattern)}' of group '{printable(group)}'"
                    + name_hint(pattern, known),
                    option="by",
                )
            for i in found:
                if groups[i] not in (None, group):
                    raise OptionError(
                        f"feature '{printable(features[i])}' is in the groups"
                        f" '{printable(groups[i])}' and '{printable(group)}': each may be in one",
                        option="by",
                    )
                groups[i] = group
    return groups


def _matching(pattern: str, features: Sequence[str], parsed: Sequence[FeatureName]) -> list[int]:
    """Numbers of the features whose name, with or without its slot, fits a pattern."""

    # equality first: read as a pattern, x[0] matches x0 and not itself
    def fits(matches: Callable[[str, str], bool]) -> list[int]:
        pairs = enumerate(zip(features, parsed, strict=True))
        return [
            i
            for i, (name, part) in pairs
            if matches(name, pattern) or matches(part.without_slot, pattern)
        ]

    return fits(lambda name, wanted: name == wanted) or fits(fnmatchcase)
