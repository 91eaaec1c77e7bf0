"""Answers of both engines at the same events, and the size of their rounding errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from onnxtaylor.crosscheck.budget import Scales, measure_round_off
from onnxtaylor.crosscheck.second_look import confirmed_ratio
from onnxtaylor.crosscheck.verdicts import near_kinks
from onnxtaylor.engine.base import BatchCoefficients, BatchSums, Engine, Quantity, Watcher
from onnxtaylor.engine.differences.steps import step_share
from onnxtaylor.engine.factory import AnyDifferences
from onnxtaylor.engine.no_derivative import NoDerivative
from onnxtaylor.graph.function import DIGITS
from onnxtaylor.indices import MultiIndices
from onnxtaylor.progress import Progress, report_progress

__all__ = ["Answers", "copied", "digits_of", "evaluate_both", "joints_of", "lengths_of"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Answers:
    """Answers of both engines at E events.

    Parameters
    ----------
    exact, differences
        Responses (E, C) and coefficients (E, C, K) of each engine.
    terms, responses
        Allowances for the rounding of the exact engine's coefficients and responses.
    precision
        Format that the exact engine computes in.
    averaged
        Whether second order is averaged over steps, so that it exists on kinks.
    again
        Least deviation / budget (E, C, K) over the default and other steps of the differences;
        other steps count only where they are conclusive.
    share
        Share of Σ abs(t) that is round-off of the exact engine, (C, K).
    """

    exact: BatchCoefficients
    differences: BatchCoefficients
    terms: Floats
    responses: Floats
    precision: str
    averaged: bool
    again: Callable[[Floats, Flags], Floats]
    share: Floats

    @property
    def budget(self) -> Floats:
        """Largest distance (E, C, K) between the coefficients of two sound engines."""
        assert self.differences.error_bounds is not None
        return np.asarray(self.differences.error_bounds + self.terms)

    def without(self, where: Flags) -> Answers:
        """Returns the answers with nothing to be said about coefficients ``where`` (E, K) is true.

        Their budget is infinite.
        """
        if not where.any():
            return self
        bounds = self.differences.error_bounds
        assert bounds is not None
        bounds = np.where(where[:, None], np.inf, bounds)
        return replace(self, differences=replace(self.differences, error_bounds=bounds))

    def of_responses(self, columns: list[int]) -> Answers:
        """Returns the answers of these responses alone."""

        def again(ratio: Floats, telling: Flags) -> Floats:
            whole = np.zeros(self.terms.shape)
            whole[:, columns] = ratio
            also = np.zeros(whole.shape, np.bool_)
            also[:, columns] = telling
            return self.again(whole, also)[:, columns]

        def narrow(answer: BatchCoefficients) -> BatchCoefficients:
            joints = answer.no_derivative  # of all coefficients, one order more perhaps
            bounds = answer.error_bounds
            if joints is not None:
                joints = NoDerivative(joints.events, joints.mask[:, columns])
            return replace(
                answer,
                no_derivative=joints,
                responses=answer.responses[:, columns],
                terms=answer.terms[:, columns],
                error_bounds=None if bounds is None else bounds[:, columns],
            )

        return replace(
            self,
            exact=narrow(self.exact),
            differences=narrow(self.differences),
            terms=self.terms[:, columns],
            responses=self.responses[:, columns],
            again=again,
            share=self.share[columns],
        )


def evaluate_both(
    exact: Engine,
    differences: AnyDifferences,
    x: Floats,
    spread: Floats,
    *,
    seed: int,
    progress: Progress | None = None,
) -> Answers:
    """Evaluates both engines at the events x (E, n), and measures the rounding of the exact one
    near them.

    ``spread`` (n,) are the features' spreads, ``seed`` draws the directions in which rounding is
    measured. Raises ModelError where an engine fails.
    """
    narrow = _UpTo(exact, differences.indices)
    total = len(x) * differences.points
    report_progress(progress, "cross-check", 0, total)
    ours = narrow.coefficients(x)
    theirs = copied(
        differences.coefficients(
            x, lambda share: report_progress(progress, "cross-check", round(share * total), total)
        )
    )
    report_progress(progress, "cross-check", total, total)
    assert theirs.kinks is not None
    shape = ours.terms.shape
    averaged = differences.quantity == "averaged"
    joints = joints_of(ours, shape)
    nearby = near_kinks(theirs.kinks, differences.indices, shape, joints, averaged=averaged)
    indices = differences.indices
    displaced = np.isin(np.arange(x.shape[1]), indices.table)
    scales = Scales(
        indices.orders,
        indices.scale(spread),
        spread,
        np.where(displaced, lengths_of(differences, spread), 0.0),
        digits_of(narrow.precision),
    )
    terms, responses, share = measure_round_off(
        narrow.coefficients,
        x,
        ours,
        comparable=~nearby,
        scales=scales,
        seed=seed,
        progress=progress,
    )
    again = partial(confirmed_ratio, differences, x, ours.terms, terms)
    return Answers(ours, theirs, terms, responses, exact.precision, averaged, again, share)


def digits_of(precision: str) -> int:
    """Binary digits of a format; the fewer of two engines' formats."""
    return min(DIGITS[name] for name in precision.split(" and "))


def joints_of(answer: BatchCoefficients, shape: tuple[int, ...]) -> Flags | None:
    """Flags coefficients that do not exist, of a shape (E, C, K); None without such events."""
    return None if answer.no_derivative is None else answer.no_derivative.among(shape[0], shape[2])


def lengths_of(differences: AnyDifferences, spread: Floats) -> Floats:
    """Lengths (n,) over which the function changes in each feature, by the steps that suited it.

    A step of second order is c times that: see ``engine.differences.steps``. Sentinels such as
    −999 make a spread much larger.
    """
    c = step_share(digits=digits_of(differences.precision), order=2, accuracy=differences.accuracy)
    return np.asarray(np.minimum(differences.steps[1] / c, spread))


class _UpTo:
    """An engine cut to its first coefficients: the differences engine has no third order."""

    name = "exact"
    quantity: Quantity = "derivative"
    sums_in_graph = False

    def __init__(self, engine: Engine, indices: MultiIndices) -> None:
        self._engine, self.indices = engine, indices
        self.precision, self.batch_events = engine.precision, engine.batch_events
        self.exact_responses, self.reach, self.points = (
            engine.exact_responses,
            engine.reach,
            engine.points,
        )

    def coefficients(self, x: Floats, watch: Watcher | None = None) -> BatchCoefficients:
        """Computes the engine's coefficients, in arrays of their own."""
        answer = self._engine.coefficients(x, watch)
        return BatchCoefficients(
            answer.responses.copy(),
            answer.terms[..., : len(self.indices)].copy(),
            no_derivative=answer.no_derivative,
        )

    def sums(self, x: Floats, weights: Floats, groups: object, counts: object) -> BatchSums | None:
        """Returns None: the caller sums the coefficients itself."""
        return None

    def describe(self) -> dict[str, object]:
        """Facts on the engine."""
        return self._engine.describe()


def copied(answer: BatchCoefficients) -> BatchCoefficients:
    """Copies an answer of the differences, safe from the engine's next batch."""
    assert answer.error_bounds is not None
    assert answer.kinks is not None
    return BatchCoefficients(
        answer.responses.copy(),
        answer.terms.copy(),
        answer.error_bounds.copy(),
        answer.kinks.copy(),
    )
