"""Both engines on the same events, one of them being the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.engine.base import BatchCoefficients
from onnxtaylor.engine.differences.engine import Differences
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.errors import ModelError
from onnxtaylor.graph import GraphFunction, build_function, choose, read_model
from onnxtaylor.indices import MultiIndices
from onnxtaylor.runtime.promotion import promote
from validation.numerical_errors.cases import EXPLAINED, PILOT, Case
from validation.numerical_errors.kinks import away_from_kinks
from validation.numerical_errors.measures import (
    COVERED,
    LARGEST_RATIO,
    Measures,
    largest_error,
    measure,
)

__all__ = ["Row", "answer_of", "function_of", "judge", "promoted", "truth_of"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """A case in one format: ``found`` by order; ``left_out`` is the share next to a kink."""

    name: str
    features: int
    outputs: int
    precision: str
    found: dict[int, Measures]
    left_out: float = 0.0

    def missed(self) -> list[tuple[int, str]]:
        """Order and name of every limit that is not kept."""
        missed = []
        for order, m in self.found.items():
            kept = {
                "accuracy": m.accuracy <= largest_error(self.precision, order),
                "coverage": m.coverage >= COVERED,
                "ratio": m.of_medians <= LARGEST_RATIO,
                "median ratio": m.median_ratio <= LARGEST_RATIO,
            }
            missed += [(order, what) for what, good in kept.items() if not good]
        return missed

    def reasons(self) -> dict[tuple[int, str], str | None]:
        """Why each limit is missed; None where nobody knows."""
        return {
            (order, what): EXPLAINED.get((self.name, self.precision, order, what))
            for order, what in self.missed()
        }


def function_of(model: onnx.ModelProto) -> GraphFunction:
    """A model as an analysis takes it."""
    loaded = read_model(model)
    return build_function(loaded, choose(loaded))


def promoted(function: GraphFunction, x: Floats) -> GraphFunction:
    """The function in float64. Raises ModelError where it cannot be."""
    found = promote(function, x)
    if found.refused:
        raise ModelError(f"not promoted: {found.refused}")
    return found.function


def truth_of(function: GraphFunction, x: Floats) -> Floats:
    """t_α (B, C, K) of a function in float64 by the exact engine."""
    exact = Exact(function, MultiIndices.full(function.n_features), x=x[:PILOT], threads=1)
    return exact.coefficients(x).terms


def answer_of(
    function: GraphFunction, x: Floats, pilot: Floats, **options: object
) -> tuple[Differences, BatchCoefficients]:
    """The differences engine with error estimates as an analysis makes it, and its answer at x."""
    options = {"spread": pilot.std(axis=0), "largest": abs(x).max(axis=0), "x": pilot, **options}
    indices = options.pop("indices", MultiIndices.full(x.shape[1]))
    engine = Differences(function, indices, **{"threads": 2, **options})  # type: ignore[arg-type]
    return engine, engine.coefficients(x)


def judge(case: Case) -> list[Row]:
    """A row for each format."""
    pilot, x = case.x[:PILOT], case.x[PILOT:]
    original = function_of(case.model)
    double = promoted(original, pilot)
    truth, rows = truth_of(double, x), []
    for precision, function in (("float32", original), ("float64", double)):
        engine, answer = answer_of(function, x, pilot)
        assert answer.error_bounds is not None
        keep = np.ones(truth.shape, np.bool_)
        if case.smooth_parts:
            keep &= away_from_kinks(double, x, engine.reach, engine.indices)[:, None]
        found = {
            order: measure(
                answer.terms, answer.error_bounds, truth, keep & (engine.indices.orders == order)
            )
            for order in (1, 2)
        }
        rows.append(
            Row(case.name, x.shape[1], truth.shape[1], precision, found, float(1 - keep.mean()))
        )
    return rows
