"""Transforms of variables that are applied outside of the model: center, scale, clip, replace."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, isnan

import numpy as np
import numpy.typing as npt

from onnxtaylor.errors import OptionError

__all__ = ["IDENTITY", "Transform"]


@dataclass(frozen=True)
class Transform:
    """A clipped linear function of a variable, as trainings apply it before the model.

    value = clip((finite(x) − subtract)·scale, lower, upper), where finite(x) is ``replace`` for an
    x that is NaN or infinite. Without ``replace`` such an x stays: NaN is NaN, infinity is clipped.

    Parameters
    ----------
    subtract
        Center, in units of the variable.
    scale
        Factor, in units of the model's input per unit of the variable; not 0.
    lower, upper
        Limits of the value, in units of the model's input. Default: none.
    replace
        Replacement of an x that is not finite, in units of the variable.

    Raises OptionError for numbers of which no such function can be made.

    >>> Transform(subtract=1.0, scale=2.0, upper=5.0, replace=0.0).apply([2.0, 10.0, np.nan])
    array([ 2.,  5., -2.])
    """

    subtract: float = 0.0
    scale: float = 1.0
    lower: float = -inf
    upper: float = inf
    replace: float | None = None

    def __post_init__(self) -> None:
        for name in ("subtract", "scale", "replace"):
            value = getattr(self, name)
            if value is not None and not isfinite(value):
                raise OptionError(f"must be a finite number, got {value}", option=name)
        if self.scale == 0.0:
            raise OptionError("must not be 0: the model would not see the variable", option="scale")
        if isnan(self.lower) or isnan(self.upper) or not self.lower < self.upper:
            raise OptionError(
                f"must be below upper, got {self.lower} and {self.upper}", option="lower"
            )

    @property
    def is_identity(self) -> bool:
        """Whether every value stays what it is."""
        return self == IDENTITY

    def apply(self, x: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Returns the values of the model's input, in double precision, of the shape of ``x``."""
        value = np.array(x, dtype=np.float64)
        if self.replace is not None:
            value[~np.isfinite(value)] = self.replace
        value = (value - self.subtract) * self.scale
        return np.clip(value, self.lower, self.upper)

    def slope(self, x: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Returns d value/d x, of the shape of ``x``.

        It is ``scale`` where the value lies between the limits, 0 where it is clipped or replaced.
        A coefficient per unit of the model's input times the slopes of its variables is the
        coefficient per unit of the variables.
        """
        raw = np.asarray(x, dtype=np.float64)
        value = (raw - self.subtract) * self.scale
        moves = np.isfinite(raw) & (value > self.lower) & (value < self.upper)
        return np.where(moves, self.scale, 0.0)


IDENTITY = Transform()
