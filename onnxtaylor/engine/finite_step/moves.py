"""Displacements of the features in a finite step, and the features that do not move.

A step is given in σ of the feature's data (``0.5sigma``) or in units of the model's input
(``0.5``), for all features or by name. What a step of a feature can be follows from its data:

- whole numbers move by whole steps, max(1, round(step)), by at most half of their range (but 1 at
  least), and stay inside it: a step that would leave the range is not taken in that direction;
- the columns of a one-hot group do not move: half a category is no input of the model, nor are two;
- a feature that is constant in the data does not move: nothing tells the size of a step; - the
others move by the given step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import OptionError, join_names, name_hint, printable
from onnxtaylor.indices import MultiIndices
from onnxtaylor.options.finite_step import OTHERS, FiniteSteps, Step, read_steps, step_text

__all__ = ["Moves", "plan_moves"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Moves:
    """Steps of n features, and the ranges that they stay inside.

    Parameters
    ----------
    steps
        Step d (n,) of each feature in units of the model's input; 0 where a feature stays.
    low, high
        Range (n,) of the features that move by whole steps; ∓Inf for the others.
    whole
        Features (n,) that move by whole steps.
    not_moved
        Reason why a feature does not move, by its place.
    names, sizes
        Names of the features; sizes of the steps as the user gave them, by feature.
    context
        Number of the last columns, which are no features and never move.
    """

    steps: Floats
    low: Floats
    high: Floats
    whole: Mask
    not_moved: Mapping[int, str]
    names: Sequence[str] = ()
    sizes: Mapping[str, Step] = field(default_factory=dict)
    context: int = 0

    @property
    def features(self) -> range:
        """Places of the features."""
        return range(len(self.steps) - self.context)

    @property
    def two_valued(self) -> Mask:
        """Features of two neighbouring whole numbers: they have no second difference."""
        return self.whole & (self.steps > 0) & (self.high - self.low < 2 * self.steps)

    def indices(self, order: int) -> MultiIndices:
        """Lists the responses up to an order that exist. Raises OptionError where nothing moves."""
        moving, flat = np.flatnonzero(self.steps > 0), self.two_valued
        if not len(moving):
            reasons = join_names(sorted(set(self.not_moved.values())))
            raise OptionError(f"moves no feature ({reasons})", option="finite_step")
        everything = MultiIndices.full(len(self.steps), order).table
        kept = np.all((everything < 0) | np.isin(everything, moving), axis=1)
        if order > 1:
            kept &= ~((everything[:, 0] == everything[:, 1]) & flat[everything[:, 0]])
        return MultiIndices(len(self.steps), everything[kept])

    def describe(self) -> dict[str, object]:
        """Facts on the steps for ``options`` of a result."""
        return {
            "asked": {name: step_text(step) for name, step in self.sizes.items()},
            "steps": [float(self.steps[i]) or None for i in self.features],
            "whole": [self.names[i] for i in np.flatnonzero(self.whole).tolist()],
            "not_moved": {
                self.names[i]: reason for i, reason in self.not_moved.items() if i in self.features
            },
            "no_second": [self.names[i] for i in np.flatnonzero(self.two_valued).tolist()],
        }


def plan_moves(
    steps: FiniteSteps,
    names: Sequence[str],
    *,
    std: Floats,
    low: Floats,
    high: Floats,
    whole: Mask,
    one_hot: Sequence[Sequence[int]],
    option: str = "finite_step",
    share: float = 1.0,
    context: int = 0,
) -> Moves:
    """Plans which feature moves how far.

    Arrays (n,) are the features' σ, range and kind in the data; the last columns, ``context``, do
    not move. ``option`` is the one that the steps come from, of which the features move by a
    ``share``.

    Raises OptionError for a step of a feature that does not exist.
    """
    sizes = read_steps(steps, option)
    features = list(names[: len(names) - context])
    for name in sizes:
        if name != OTHERS and name not in features:
            raise OptionError(
                f"names '{printable(name)}', and no feature is called so"
                f"{name_hint(name, features)}",
                option=option,
            )
    groups = {i: group for group in one_hot for i in group}
    d, not_moved = np.zeros(len(names)), {}
    for i, name in enumerate(names):
        step = sizes.get(name, sizes.get(OTHERS))
        if i >= len(features):
            not_moved[i] = "context"
        elif i in groups:
            group = join_names([names[j] for j in groups[i]])
            not_moved[i] = f"one of a one-hot group ({group})"
        elif not low[i] < high[i]:
            not_moved[i] = "constant in the data"
        elif step is None:
            not_moved[i] = "no step is asked for"
        else:
            d[i] = share * (step[0] * std[i] if step[1] else step[0])
            if whole[i]:
                half = max(1.0, np.floor((high[i] - low[i]) / 2))
                d[i] = min(max(1.0, np.rint(d[i])), half)
    inside = whole & (d > 0)
    return Moves(
        steps=d,
        low=np.where(inside, low, -np.inf),
        high=np.where(inside, high, np.inf),
        whole=inside,
        not_moved=not_moved,
        names=tuple(names),
        sizes=sizes,
        context=context,
    )
