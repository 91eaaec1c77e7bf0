"""How far each feature moves in a finite step, and which do not move at all.

A step is asked for in σ of the feature's data (``0.5sigma``) or in units of the model's input
(``0.5``), for all features or by name. What a step of a feature can be follows from its data:

- whole numbers move by whole steps, max(1, round(step)), by at most half of their range (but 1 at
  least), and stay inside it: a step that would leave the range is not taken in that direction;
- the columns of a one-hot group do not move: half a category is no input of the model, nor are two;
- a feature that is constant in the data does not move: nothing tells the size of a step;
- the others move by the step as it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import OptionError, listed, nearest, printable
from onnxtaylor.indices import MultiIndices

__all__ = ["OTHERS", "FiniteSteps", "Moves", "plan_moves", "read_steps"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Step = tuple[float, bool]  # its size, and whether that is in σ
FiniteSteps = str | float | Mapping[str, str | float]

OTHERS = "*"  # in a mapping of steps: all features that it does not name
_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_STEP = re.compile(rf"\s*({_NUMBER})\s*(sigma|σ)?\s*")


@dataclass(frozen=True, eq=False)
class Moves:
    """The steps d (n,) of n features in units of the model's input; 0 where a feature stays.

    ``whole`` (n,) are those that move by whole steps inside ``low`` … ``high`` (n,); these are ∓Inf
    for the others. ``fixed`` tells why a feature does not move.
    """

    steps: Floats
    low: Floats
    high: Floats
    whole: Mask
    fixed: Mapping[int, str]

    @property
    def two_valued(self) -> Mask:
        """Features of two neighbouring whole numbers: they have no second difference."""
        return self.whole & (self.steps > 0) & (self.high - self.low < 2 * self.steps)

    def indices(self, order: int) -> MultiIndices:
        """All responses up to an order that exist. Raises OptionError where no feature moves."""
        moving, flat = np.flatnonzero(self.steps > 0), self.two_valued
        if not len(moving):
            reasons = listed(sorted(set(self.fixed.values())))
            raise OptionError(f"--finite-step: no feature moves ({reasons})")
        everything = MultiIndices.full(len(self.steps), order).table
        kept = np.all((everything < 0) | np.isin(everything, moving), axis=1)
        if order > 1:
            kept &= ~((everything[:, 0] == everything[:, 1]) & flat[everything[:, 0]])
        return MultiIndices(len(self.steps), everything[kept])


def read_steps(asked: FiniteSteps) -> dict[str, Step]:
    """The steps by feature, ``*`` for all others. Raises OptionError for what is no step.

    >>> read_steps("0.5sigma"), read_steps({"n_jets": 2, "*": "1 sigma"})
    ({'*': (0.5, True)}, {'n_jets': (2.0, False), '*': (1.0, True)})
    """
    if not isinstance(asked, Mapping):
        asked = {OTHERS: asked}
    if not asked:
        raise OptionError("--finite-step: no step is given: say 0.5sigma")
    return {str(name): _read(name, step) for name, step in asked.items()}


def _read(name: str, step: str | float) -> Step:
    found = _STEP.fullmatch(str(step))
    size = float(found[1]) if found else 0.0
    if not found or not 0 < size < np.inf or isinstance(step, bool):
        what = printable(step) if name == OTHERS else f"{printable(name)}={printable(step)}"
        raise OptionError(
            f"--finite-step {what}: it takes a positive number, in units of the model's input, or"
            " one in σ of the data, such as 0.5sigma"
        )
    return size, bool(found[2])


def plan_moves(
    asked: FiniteSteps,
    names: Sequence[str],
    *,
    std: Floats,
    low: Floats,
    high: Floats,
    whole: Mask,
    one_hot: Sequence[Sequence[int]],
) -> Moves:
    """What moves how far; arrays (n,) are the features' σ, range and kind in the data.

    Raises OptionError for a step of a feature that does not exist.
    """
    wanted = read_steps(asked)
    for name in wanted:
        if name != OTHERS and name not in names:
            raise OptionError(
                f"--finite-step {printable(name)}: no such feature{nearest(name, list(names))}"
            )
    groups = {i: group for group in one_hot for i in group}
    steps, fixed = np.zeros(len(names)), {}
    for i, name in enumerate(names):
        step = wanted.get(name, wanted.get(OTHERS))
        if i in groups:
            group = listed([names[j] for j in groups[i]])
            fixed[i] = f"one of a one-hot group ({group})"
        elif not low[i] < high[i]:
            fixed[i] = "constant in the data"
        elif step is None:
            fixed[i] = "no step is asked for"
        else:
            steps[i] = step[0] * std[i] if step[1] else step[0]
            if whole[i]:
                half = max(1.0, np.floor((high[i] - low[i]) / 2))
                steps[i] = min(max(1.0, np.rint(steps[i])), half)
    inside = whole & (steps > 0)
    return Moves(
        steps=steps,
        low=np.where(inside, low, -np.inf),
        high=np.where(inside, high, np.inf),
        whole=inside,
        fixed=fixed,
    )
