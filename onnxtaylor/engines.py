"""Which engine an analysis takes, and in which precision."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from onnxtaylor.data import Survey
from onnxtaylor.engine.base import Engine
from onnxtaylor.engine.differences import Differences
from onnxtaylor.engine.exact import Exact
from onnxtaylor.engine.opening import OpenModel
from onnxtaylor.engine.promotion import Promotion, promote
from onnxtaylor.errors import ModelError, printable
from onnxtaylor.graph import GraphFunction
from onnxtaylor.indices import MultiIndices
from onnxtaylor.settings import AnalysisOptions

__all__ = ["make_differences", "make_engine", "make_exact"]

Floats = npt.NDArray[np.float64]


def make_engine(
    opened: OpenModel, indices: MultiIndices, found: Survey, options: AnalysisOptions, x: Floats
) -> tuple[Engine, dict[str, str | None]]:
    """The engine that the options ask for; why ``auto`` could not take the exact one
    (``no_exact_engine``) or double precision (``no_float64``).

    x (B, n) are a few events of the data. Raises ModelError where ``exact`` is asked for and the
    graph cannot be differentiated, or a precision that the model does not have.
    """
    why = None
    if options.engine != "differences":
        function = in_precision(opened, options.precision, x)
        try:
            exact = Exact(function, indices, x=x, threads=options.threads, provider=opened.provider)
        except ModelError as error:
            if options.engine == "exact":
                raise ModelError(
                    f"{printable(opened.model.path)}: no exact derivatives: {error}; use"
                    " --engine differences"
                ) from None
            why = str(error)
        else:
            return exact, {"no_exact_engine": None, "no_float64": None}
    differences, refused = make_differences(opened, indices, found, options, x)
    return differences, {"no_exact_engine": why, "no_float64": refused}


def make_exact(
    opened: OpenModel, indices: MultiIndices, options: AnalysisOptions, x: Floats
) -> Exact:
    """The exact engine, at the events x (B, n). Raises ModelError where there is none."""
    function = in_precision(opened, options.precision, x)
    return Exact(function, indices, x=x, threads=options.threads, provider=opened.provider)


def make_differences(
    opened: OpenModel, indices: MultiIndices, found: Survey, options: AnalysisOptions, x: Floats
) -> tuple[Differences, str | None]:
    """The differences engine, and why it is not in double precision where it could not be.

    x (B, n) are a few events, on which promotion, noise and steps are tried.
    """
    function = in_precision(opened, options.precision, x)
    promotion = Promotion(function, None)
    if options.precision == "auto":
        promotion = promote(function, x, provider=opened.provider)
    differences = Differences(
        promotion.function,
        indices,
        spread=found.spread,
        largest=found.largest,
        x=x,
        accuracy=options.accuracy,
        mixed=options.mixed,
        threads=options.threads,
        provider=opened.provider,
    )
    return differences, promotion.refused


def in_precision(opened: OpenModel, precision: str, x: Floats) -> GraphFunction:
    """The function in the precision that is asked for. Raises ModelError where it has none such."""
    where = printable(opened.model.path)
    if precision == "auto":
        return opened.function
    if precision == "float64":
        promotion = promote(opened.function, x, provider=opened.provider)
        if promotion.refused:
            raise ModelError(
                f"{where}: no evaluation in float64: {promotion.refused}; use --precision auto"
            )
        return promotion.function
    if opened.function.precision == "float64":
        raise ModelError(
            f"{where}: --precision float32: the model computes in float64: use --precision auto"
        )
    return opened.function
