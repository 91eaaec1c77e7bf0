"""The order of checkpoints, and the step of each.

Steps are found in one of four ways:

``metadata``  the entry ``step`` of each model's metadata
``names``     the one number in which the file names differ: step-2 comes before step-10
``sorted``    the place among the naturally sorted names, if they differ in several numbers
``order``     the place in the order given, if names differ in more than numbers
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from onnxtaylor.errors import OptionError, join_names, printable
from onnxtaylor.graph import LoadedModel

__all__ = ["STEP_KEY", "WAYS", "Numbered", "number_steps", "step_in_metadata"]

STEP_KEY = "step"
WAYS = ("auto", "metadata", "names", "order")

_NUMBER = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Numbered:
    """Places of the checkpoints in the order of their steps, the steps, and their source."""

    places: tuple[int, ...]
    steps: tuple[int | float, ...]
    source: str


def number_steps(
    names: Sequence[str], stored: Sequence[int | float | None], way: str = "auto"
) -> Numbered:
    """Finds the steps of checkpoints.

    Parameters
    ----------
    names
        File names of the checkpoints.
    stored
        Steps in the metadata of the models; None for a model without one.
    way
        ``metadata``, ``names`` or ``order``; ``auto`` takes the first that works.

    Raises
    ------
    OptionError
        For an unknown way, for a way that does not work for these checkpoints, and for steps that
        occur twice.

    >>> number_steps(["step-10.onnx", "step-2.onnx"], [None, None])
    Numbered(places=(1, 0), steps=(2, 10), source='the numbers in the file names')
    """
    if way not in WAYS:
        raise OptionError(
            f"steps by '{printable(way)}' are not offered: choose one of {join_names(WAYS)}"
        )
    known = [step for step in stored if step is not None]
    if way == "metadata" or (way == "auto" and len(known) == len(names)):
        if len(known) < len(names):
            bare = [name for name, step in zip(names, stored, strict=True) if step is None]
            raise OptionError(
                f"no step in the metadata of {join_names(bare)}: number them in another way"
            )
        return _sorted(names, known, f"'{STEP_KEY}' in the models' metadata")
    if way in ("auto", "names"):
        numbered = _by_names(names)
        if numbered is not None:
            return numbered
        if way == "names":
            raise OptionError(
                f"{join_names(names)} do not differ in one number: number them in another way"
            )
    places = tuple(range(len(names)))
    return Numbered(places, places, "the order given, counted from 0")


def step_in_metadata(model: LoadedModel) -> int | float | None:
    """Returns the step in a model's metadata; None where there is none.

    Raises OptionError where it is no number.
    """
    for entry in model.proto.metadata_props:
        if entry.key == STEP_KEY:
            try:
                value = float(entry.value)
                return int(value) if value == int(value) else value
            except (ValueError, OverflowError):
                raise OptionError(
                    f"{printable(model.path)}: the step in its metadata is"
                    f" '{printable(entry.value, 40)}', which is no number"
                ) from None
    return None


def _by_names(names: Sequence[str]) -> Numbered | None:
    split = [_NUMBER.split(Path(name).name) for name in names]
    if len({tuple(parts[::2]) for parts in split}) > 1 or len(split[0]) < 2:
        return None
    numbers = [[int(part) for part in parts[1::2]] for parts in split]
    columns = [column for column in zip(*numbers, strict=True) if len(set(column)) > 1]
    if len(names) == 1:
        return _sorted(names, [numbers[0][-1]], "the number in the file name")
    if len(columns) == 1:
        return _sorted(names, list(columns[0]), "the numbers in the file names")
    order = sorted(range(len(names)), key=lambda k: numbers[k])
    if not columns or len({tuple(row) for row in numbers}) < len(names):
        return None  # files of one name in several folders
    steps = tuple(range(len(names)))
    return Numbered(tuple(order), steps, "the place among the sorted file names, counted from 0")


def _sorted(names: Sequence[str], steps: Sequence[int | float], source: str) -> Numbered:
    order = sorted(range(len(names)), key=lambda k: steps[k])
    for a, b in pairwise(order):
        if steps[a] == steps[b]:
            raise OptionError(
                f"{printable(names[a])} and {printable(names[b])} are both step {steps[a]}, by"
                f" {source}: number them in another way"
            )
    return Numbered(tuple(order), tuple(steps[k] for k in order), source)
