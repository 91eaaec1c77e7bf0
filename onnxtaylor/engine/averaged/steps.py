"""Steps of averaged second order: which points an event is stepped to.

With h_i the width of the step of feature i and e_i its direction, the coefficients are

    t_ij = ½ {[∂_j f(x + ½h_i e_i) − ∂_j f(x − ½h_i e_i)] / h_i + (i ↔ j)}
    t_ii = ½ [16 (f₊ + f₋) − (f₊₊ + f₋₋) − 30 f] / (12 h_i²)        at x ± h_i e_i, x ± 2h_i e_i

The first is the mean of ∂²f/∂x_i∂x_j along the steps, with all that bends at kinks. The second is
a mean of ∂²f/∂x_i² with weights that fall off to both sides and are so negative farther out that
the mean is exact to fourth order in h: a step as short as that of t_ij would see single kinks, one
so long that it does not would smooth the response itself. h = 0.7σ was chosen on trained ReLU and
LeakyReLU nets whose responses are known, medians over seeds: at 0.5σ pairs deviate by up to 12 %
and small t_ii by up to 35 %; at 0.7σ pairs and large t_ii by up to 6 %, small t_ii by up to 19 %;
wider steps smooth large t_ii by more than 6 %.

Features follow the rules of finite steps (``onnxtaylor.engine.finite_step.moves``). Whole numbers
move by d = ½h, at least 1, and stay inside the range of the data: of a step that would leave it
the other half is taken, and t_ii = ½ [f(c + d) − 2 f(c) + f(c − d)] / d² about the nearest place c
from which both steps stay inside. Features of two values have no t_ii. Nothing steps from a missing
entry: second order by its feature is 0 at that event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np
import numpy.typing as npt

from onnxtaylor.data.values import is_missing
from onnxtaylor.engine.finite_step.moves import Moves, plan_moves
from onnxtaylor.errors import OptionError, join_names
from onnxtaylor.indices import MultiIndices
from onnxtaylor.options.finite_step import FiniteSteps
from onnxtaylor.problem import Problem

__all__ = ["CurvatureSteps", "Places", "plan_steps"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

FIVE_POINTS = np.array([-30.0, -1.0, 16.0, 16.0, -1.0]) / 24  # at 0, −2h, −h, h, 2h
THREE_POINTS = np.array([0.0, 0.5, -1.0, 0.5, 0.0])  # at x (idle), c − d, c, c + d, x (idle)
OUTERMOST = 4  # half steps


@dataclass(frozen=True, eq=False)
class Places:
    """Points that E events are stepped to along A features.

    Parameters
    ----------
    centres
        Points (E, n) that are stepped from: the events, rounded so that steps are exact.
    ends
        Values (E, A, 2) of the features at the upper and lower end of their steps.
    inverse_widths
        1 / (upper − lower end), (E, A); 0 where the feature is not stepped.
    values
        Values (E, A, 4) of the features where t_ii needs responses.
    inverse_squares
        1 / δ² of t_ii, (E, A); 0 where the feature is not stepped.
    """

    centres: Floats
    ends: Floats
    inverse_widths: Floats
    values: Floats
    inverse_squares: Floats

    def __getitem__(self, part: slice) -> Places:
        """Returns the places of a part of the events."""
        return Places(*(getattr(self, f.name)[part] for f in fields(self)))


@dataclass(frozen=True, eq=False)
class CurvatureSteps:
    """Steps of n features, A of which move.

    Parameters
    ----------
    moves
        Half steps ½h, and the features that do not move.
    digits
        Binary digits of the format in which steps are exact.
    absent
        Finds the entries (B, n) of events that are missing.
    """

    moves: Moves
    digits: int
    absent: Callable[[Floats], Mask] | None = field(default=None)

    @cached_property
    def features(self) -> Integers:
        """Features (A,) that move."""
        return np.flatnonzero(self.moves.steps > 0)

    @cached_property
    def indices(self) -> MultiIndices:
        """All t_i, and the second order of the features that move; squares need three values."""
        n = len(self.moves.steps)
        table = MultiIndices.full(len(self.moves.features), 2).table
        moved = np.all((table < 0) | np.isin(table, self.features), axis=1)
        flat = (table[:, 0] == table[:, 1]) & self.moves.two_valued[table[:, 0]]
        return MultiIndices(n, table[(table[:, 1] < 0) | (moved & ~flat)])

    @cached_property
    def pairs(self) -> Integers:
        """Pairs (Q, 2) of places among the features that move."""
        return np.stack(np.triu_indices(len(self.features), 1), axis=1).astype(np.int64)

    @cached_property
    def slots(self) -> tuple[Integers, Integers]:
        """Places of t_ii (A,), −1 where there is none, and of t_ij (Q,) among the coefficients."""
        slot = {alpha: k for k, alpha in enumerate(self.indices.tuples())}
        own = self.features.tolist()
        second = [slot.get((i, i), -1) for i in own]
        pairs = [slot[own[a], own[b]] for a, b in self.pairs.tolist()]
        return np.array(second, np.int64), np.array(pairs, np.int64)

    @cached_property
    def weights(self) -> Floats:
        """Weights (A, 5) of the responses in t_ii: at the centre and at the four places."""
        whole = self.moves.whole[self.features, None]
        return np.where(whole, THREE_POINTS, FIVE_POINTS)

    @property
    def reach(self) -> Floats:
        """Largest displacement (n,) of each feature that may leave the range of its data."""
        return np.where(self.moves.whole, 0.0, OUTERMOST * self.moves.steps)

    def describe(self) -> dict[str, object]:
        """Facts on the steps for ``options`` of a result: full widths h."""
        facts = self.moves.describe()
        return {
            **facts,
            "steps": [2 * float(self.moves.steps[i]) or None for i in self.moves.features],
        }

    def places(self, x: Floats) -> Places:
        """Places the steps of the events x (E, n)."""
        own, moves = self.features, self.moves
        whole, low, high = moves.whole[own], moves.low[own], moves.high[own]
        here, d = x[:, own], np.broadcast_to(moves.steps[own], (len(x), len(own)))
        with np.errstate(invalid="ignore", over="ignore"):
            # whole multiples of the spacing of numbers out there: so no point is rounded
            _, exponent = np.frexp(np.abs(here) + (OUTERMOST + 1) * d)
            grid = np.ldexp(1.0, exponent - self.digits)
            d = np.where(whole, d, np.maximum(np.rint(d / grid), 1.0) * grid)
            at = np.where(whole, here, np.rint(here / grid) * grid)
            up, down = at + d, at - d
            rises, falls = ~whole | (up <= high), ~whole | (down >= low)
            ends = np.stack((np.where(rises, up, at), np.where(falls, down, at)), axis=2)
            nearest = np.clip(at, low + d, np.maximum(high - d, low + d))
            smooth = np.stack((at - 4 * d, at - 2 * d, at + 2 * d, at + 4 * d), axis=2)
            steps = np.stack((nearest - d, nearest, nearest + d, at), axis=2)
        values = np.where(whole[:, None], steps, smooth)
        widths = (rises.astype(np.int64) + falls) * d
        lengths = np.where(whole, d, 2 * d)
        stays = np.zeros(x.shape, np.bool_) if self.absent is None else self.absent(x)
        stays = stays[:, own] | ~np.isfinite(here)
        centres = x.copy()
        centres[:, own] = np.where(stays, here, at)
        back = stays[..., None]
        return Places(
            centres,
            np.where(back, here[..., None], ends),
            np.where(stays | (widths == 0), 0.0, 1 / np.where(widths == 0, 1.0, widths)),
            np.where(back, here[..., None], values),
            np.where(stays, 0.0, 1 / lengths**2),
        )


def plan_steps(problem: Problem, steps: FiniteSteps) -> CurvatureSteps:
    """Plans the steps of the width that is asked for on a problem's data.

    Raises OptionError for steps that make no sense, and where no feature moves.
    """
    survey, missing = problem.survey, problem.missing
    moves = plan_moves(
        steps,
        problem.column_names,
        std=np.nan_to_num(survey.std),
        low=survey.min,
        high=survey.max,
        whole=survey.whole,
        one_hot=survey.one_hot,
        option="curvature_step",
        share=0.5,
        context=problem.function.n_context,
    )
    if not (moves.steps > 0).any():
        reasons = join_names(sorted(set(moves.not_moved.values())))
        raise OptionError(f"moves no feature ({reasons})", option="curvature_step")
    return CurvatureSteps(
        moves,
        problem.function.digits,
        None if missing is None else lambda rows: is_missing(rows, missing),
    )
