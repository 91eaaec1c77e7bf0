"""What is made before the first batch: the function opened, its engine built, the data judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from onnxtaylor import data
from onnxtaylor.data import EventSource, Survey
from onnxtaylor.engine.base import Engine
from onnxtaylor.engine.differences.engine import Differences
from onnxtaylor.engine.exact.engine import Exact
from onnxtaylor.engine.finite_step.moves import Moves
from onnxtaylor.engine.finite_step.plan import finite_engine, plan
from onnxtaylor.engine.mixed import make_mixed
from onnxtaylor.errors import (
    DataError,
    DisagreementError,
    ModelError,
    OptionError,
    ProbeError,
    printable,
)
from onnxtaylor.graph import GraphFunction, LoadedModel, ModelRequest
from onnxtaylor.indices import MultiIndices, count
from onnxtaylor.options.analysis import AnalysisOptions
from onnxtaylor.problem.events import Progress, tell
from onnxtaylor.problem.hygiene import inspect
from onnxtaylor.problem.opening import OpenModel, open_model
from onnxtaylor.problem.rounding import inspect_digits, require_held
from onnxtaylor.results.classes import agree_with_labels, classes_of
from onnxtaylor.results.summaries import units_apart
from onnxtaylor.results.taylor import FeatureSummary, Notice
from onnxtaylor.run.summarize import feature_summaries
from onnxtaylor.runtime.promotion import Promotion, promote
from onnxtaylor.runtime.provider import choose_provider
from onnxtaylor.statistics.finalize import ALL

__all__ = ["Prepared", "make_engine", "prepare"]

REPLICATES = 200
REPLICATE_BYTES = 2**30  # beyond it the default bootstrap has fewer replicates


@dataclass(frozen=True)
class Prepared:
    """All that an analysis needs before it runs.

    ``options`` are those asked for, with the number of replicates that memory allows; ``moves`` is
    None where derivatives are taken; ``reasons`` say why it is not done otherwise.
    """

    opened: OpenModel
    found: Survey
    features: tuple[FeatureSummary, ...]
    engine: Engine
    indices: MultiIndices
    options: AnalysisOptions
    reasons: Mapping[str, str | None]
    warnings: Sequence[Notice]
    moves: Moves | None

    @property
    def names(self) -> list[str]:
        """Those of the features."""
        return [feature.name for feature in self.features]


def prepare(
    model: LoadedModel,
    request: ModelRequest,
    source: EventSource,
    options: AnalysisOptions,
    progress: Progress | None = None,
) -> Prepared:
    """Reads the data once, opens the function, builds the engine. Raises as ``analyze`` does."""
    found = data.survey(
        source,
        missing=options.missing,
        progress=lambda done: tell(progress, "checking data", done, None),
    )
    if ALL in found.classes:
        raise DataError(f"a class is called '{ALL}', as is the group of all events: rename it")
    require_held(model, request, source, found)
    provider = choose_provider(options.provider)
    tell(progress, "probing", 0, None)
    first = next(iter(source.batches(min(found.events, 64))))
    opened = open_model(model, request, first.x, provider=provider)
    agree_with_labels(opened.nodes, list(found.classes))
    if options.per_class:  # before the work, not after it
        classes_of(opened.nodes, opened.response_names, list(found.classes))
    indices = _indices(opened, options.order)
    # the batch and its first displaced rows must fit in memory before anything is allocated
    replicates = _replicates(options.bootstrap, opened, indices, max(1, len(found.classes)))
    options = replace(options, bootstrap=replicates)
    features = feature_summaries(opened, source, found)
    names = [feature.name for feature in features]
    moves = None
    if options.finite_step is not None:
        moves = plan(options.finite_step, opened, found, names, options.missing)
        options = replace(options, check=0)  # there is no other engine to compare with
    engine: Engine
    reasons: Mapping[str, str | None] = {}
    if moves is None:
        engine, reasons = make_engine(opened, indices, found, options, first.x, progress)
    else:
        engine = finite_engine(opened, moves, options, first.x)
        indices = engine.indices  # not every feature moves
    warnings = inspect(opened, engine, found, names, options.missing, options.per)
    warnings += inspect_digits(model, opened.choice.features, found, names, options.missing)
    if (apart := units_apart(features, options.per)) is not None:
        warnings.append(apart)
    return Prepared(opened, found, features, engine, indices, options, reasons, warnings, moves)


def make_engine(
    opened: OpenModel,
    indices: MultiIndices,
    found: Survey,
    options: AnalysisOptions,
    x: npt.NDArray[np.float64],
    progress: Progress | None = None,
) -> tuple[Engine, dict[str, str | None]]:
    """The engine that the options ask for; why ``auto`` could not take the exact one
    (``no_exact_engine``) or double precision (``no_float64``).

    x (B, n) are a few events of the data; ``progress`` is told what is made. Raises ModelError
    where ``exact`` is asked for and the graph cannot be differentiated, or a precision that the
    model does not have; DisagreementError where the derivative graph does not respond as the model
    does, whatever was asked for.
    """
    try:
        return _make_engine(opened, indices, found, options, x, progress)
    except DisagreementError as error:
        raise error.located(opened.model.path) from None


def _make_engine(
    opened: OpenModel,
    indices: MultiIndices,
    found: Survey,
    options: AnalysisOptions,
    x: npt.NDArray[np.float64],
    progress: Progress | None,
) -> tuple[Engine, dict[str, str | None]]:
    function, why = opened.function, None
    if options.precision != "auto":
        function = _in_precision(opened, options.precision, x)
    exact = partial(
        Exact,
        indices=indices,
        x=x,
        threads=options.threads,
        provider=opened.provider,
        groups=max(1, len(found.classes)),
        replicates=options.bootstrap or 0,
        progress=progress,
    )
    refused: str | None = None

    def differences(function: GraphFunction) -> Differences:
        nonlocal refused
        promotion = Promotion(function, None)
        if options.precision == "auto":
            promotion = promote(function, x, provider=opened.provider)
        refused = promotion.refused
        return Differences(
            promotion.function,
            indices,
            spread=found.spread,
            largest=found.largest,
            x=x,
            accuracy=options.accuracy,
            mixed=options.mixed,
            threads=options.threads,
            provider=opened.provider,
            progress=progress,
        )

    engine: Engine | None = None
    if options.engine != "differences":
        try:
            return exact(function), {"no_exact_engine": None, "no_float64": None}
        except DisagreementError:
            raise
        except ProbeError as error:  # no engine can help
            raise type(error)(f"{printable(opened.model.path)}: {error}") from None
        except ModelError as error:
            if options.engine == "exact":
                raise ModelError(
                    f"{printable(opened.model.path)}: no exact derivatives: {error}; use"
                    " --engine differences"
                ) from None
            why = str(error)
        # sums in the graph are of use to an engine that serves all responses alone
        part = partial(exact, sums="kernel")
        engine = make_mixed(function, x, opened.response_names, part, differences)
        why = engine.why if engine else why
    engine = engine or differences(function)
    return engine, {"no_exact_engine": why, "no_float64": refused}


def _in_precision(opened: OpenModel, precision: str, x: npt.NDArray[np.float64]) -> GraphFunction:
    """The function in the precision that is asked for. Raises ModelError where it has none such."""
    where = printable(opened.model.path)
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


def _indices(opened: OpenModel, order: int) -> MultiIndices:
    n = opened.function.n_features
    size = count(n, order) * len(opened.response_names)
    if size > 10**8:
        raise OptionError(
            f"{count(n, order)} coefficients of {len(opened.response_names)} responses are too"
            f" many to hold: use --order 1 ({n} coefficients)"
        )
    return MultiIndices.full(n, order)


def _replicates(wanted: int | None, opened: OpenModel, indices: MultiIndices, groups: int) -> int:
    """The number of bootstrap replicates: as asked for, or as many of 200 as memory allows."""
    size = 8 * len(opened.response_names) * len(indices) * groups
    if wanted is None:
        affordable = REPLICATE_BYTES // size
        return min(REPLICATES, affordable) if affordable >= 20 else 0
    if wanted * size > 16 * REPLICATE_BYTES:
        raise OptionError(
            f"--bootstrap {wanted} needs {wanted * size / 2**30:.0f} GiB for {len(indices)}"
            f" coefficients: use {16 * REPLICATE_BYTES // size} or fewer, or 0"
        )
    return wanted
