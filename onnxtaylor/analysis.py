"""The main job, wired: model and data → engine → batches → sums → result.

1. the graph's inputs and outputs are resolved, and the data's columns with them;
2. one pass over the data checks every cell and measures each feature's spread;
3. the function is probed on the first events;
4. the engine computes coefficients batch by batch, the accumulator sums them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor import data
from onnxtaylor.checking import Sample, compare_engines
from onnxtaylor.data import EventSource, Survey
from onnxtaylor.engine.base import Engine
from onnxtaylor.engine.differences import Differences
from onnxtaylor.engine.exact import Exact
from onnxtaylor.engine.mixed import make_mixed
from onnxtaylor.engine.opening import OpenModel, open_model
from onnxtaylor.engine.promotion import Promotion, promote
from onnxtaylor.engine.session import choose_provider
from onnxtaylor.errors import DataError, ModelError, OptionError, listed, printable
from onnxtaylor.finite import describe_moves, finite_engine, plan
from onnxtaylor.graph import GraphFunction, LoadedModel, ModelRequest, read_model
from onnxtaylor.hygiene import inspect
from onnxtaylor.indices import MultiIndices, count
from onnxtaylor.inputs import Paths, Progress, open_data, tell
from onnxtaylor.outcome import checkpoint_facts, feature_summaries, make_result, with_kinks
from onnxtaylor.result import TaylorResult
from onnxtaylor.settings import AnalysisOptions, DataRequest
from onnxtaylor.statistics import Accumulator
from onnxtaylor.statistics.accumulator import ALL
from onnxtaylor.statistics.checkpoint import Checkpoint
from onnxtaylor.summing import accumulate

__all__ = ["analyze", "make_engine", "run"]

REPLICATES = 200
REPLICATE_BYTES = 2**30  # beyond it the default bootstrap has fewer replicates
CHECK_EVALUATIONS = 2**18  # of the model that the cross-check may take

ModelSource = str | os.PathLike[str] | bytes | onnx.ModelProto


def analyze(
    model: ModelSource,
    x: npt.ArrayLike | EventSource | Paths,
    *,
    feature_names: Sequence[str] | None = None,
    weights: npt.ArrayLike | str | None = None,
    labels: npt.ArrayLike | str | None = None,
    exclude: Sequence[str] = (),
    order: int = 2,
    engine: str = "auto",
    input: str | Sequence[str] | None = None,
    output: str | Sequence[str] | None = None,
    fix: Mapping[str, npt.ArrayLike] | None = None,
    link: str = "identity",
    scale: str = "unit",
    events: int | None = None,
    sample: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> TaylorResult:
    """⟨t_α⟩ = Σ w abs(t_α) / Σ w of every Taylor coefficient of a model over a data set.

    Parameters
    ----------
    model
        An ONNX file, its bytes, or an ``onnx.ModelProto``.
    x
        Events: an array (N, n), a data frame, one or several file names, or an ``EventSource``.
    feature_names
        Names of the n features; of files, the columns to take, in the order of the model's input.
    weights, labels
        Arrays (N,), or names of columns where x are files. Weights of both signs are allowed.
    exclude
        Columns of files that are no features.
    order
        1, 2 with all pairs, or 3 with all triples (exact engine only).
    engine
        ``exact`` differentiates the graph, ``differences`` evaluates it at stencil points;
        ``auto`` takes exact for every response with a rule for each operator on the way,
        differences for the others, and says in the result's options which and why.
    input, output, fix
        Inputs that hold features; output tensors, inner tensors or response nodes to analyze;
        values for further inputs.
    link
        ``identity``, or ``logit`` / ``log`` of the response.
    scale
        ``unit``: per unit of the model's input; ``sigma``: t_i σ_i, t_ij σ_i σ_j.
    events, sample
        Only the first, or a random sample, of the events.
    progress
        Called with (stage, events done, events in all).
    **options
        ``precision``: ``float64`` evaluates the model in double precision with either engine,
        ``float32`` in its own format; ``auto`` takes double precision for differences where the
        model can be promoted, and says in the result's options why it could not.
        ``accuracy`` (2, 4 or 6) and ``mixed`` (``two`` or ``four`` corners per pair) of the
        stencil, ``bootstrap`` (number of replicates), ``seed``, ``missing`` (the value of missing
        entries), ``batch_size``, ``threads``, ``provider`` (auto, cpu, cuda), ``resume`` (a
        folder).
        ``check``: the number of events, 64 by default, at which the two engines are compared once
        the sums are made; fewer, but eight at least, where that would take more than 2¹⁸
        evaluations of the model; 0 for none. What came of it is in ``result.check``: see
        ``cross_check``.
        ``finite_step``: responses to finite steps in place of derivatives, for models that have
        none, such as trees and quantized networks: ``"0.5sigma"`` of each feature, a number in
        units of the input, or either by feature, ``{"n_jets": 1, "*": "0.5sigma"}``; ``engine``
        tells the formulas, ``moves`` what whole numbers and one-hot groups do.

    Raises
    ------
    ModelError, ProbeError
        The model cannot be read, run, or expanded.
    DataError
        The data cannot be read or does not fit the model.
    OptionError
        An argument makes no sense.

    Source: Wunsch et al., Comput. Softw. Big Sci. 2 (2018) 5, arXiv:1803.08782.
    """
    unknown = sorted(set(options) - set(AnalysisOptions.__dataclass_fields__))
    if unknown:
        raise OptionError(f"analyze has no option {listed(unknown)}")
    chosen = AnalysisOptions(order=order, engine=engine, link=link, scale=scale, **options)
    by_steps = chosen.finite_step is not None
    request = ModelRequest.of(input, output, fix, link, by_steps=by_steps)
    loaded = read_model(model)
    source = open_data(
        loaded,
        request,
        x,
        DataRequest(
            features=None if feature_names is None else tuple(feature_names),
            label=labels if isinstance(labels, str) else None,
            weight=weights if isinstance(weights, str) else None,
            exclude=tuple(exclude),
            events=events,
            sample=sample,
        ),
        missing=chosen.missing,
        arrays=(weights, labels),
        seed=chosen.seed,
        progress=progress,
    )
    return run(loaded, request, source, chosen, progress)


def run(
    model: LoadedModel,
    request: ModelRequest,
    source: EventSource,
    options: AnalysisOptions,
    progress: Progress | None = None,
) -> TaylorResult:
    """The analysis of one function on one source of events."""
    found = data.survey(
        source,
        missing=options.missing,
        progress=lambda done: tell(progress, "checking data", done, None),
    )
    if ALL in found.classes:
        raise DataError(f"a class is called '{ALL}', as is the group of all events: rename it")
    provider = choose_provider(options.provider)
    first = next(iter(source.batches(min(found.events, 64))))
    opened = open_model(model, request, first.x, provider=provider)
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
    if moves is None:
        engine, reasons = make_engine(opened, indices, found, options, first.x)
    else:
        engine = finite_engine(opened, moves, options, first.x)
        reasons, indices = {}, engine.indices  # not every feature moves
    warnings = inspect(opened, engine, found, names, options.missing)
    sums = Accumulator(
        len(opened.response_names),
        len(indices),
        classes=tuple(found.classes),
        replicates=replicates,
        seed=options.seed,
        quantity=engine.name if moves else "derivative",
    )
    checkpoint = None
    if options.resume is not None:
        checkpoint = Checkpoint(options.resume, checkpoint_facts(opened, source, found, options))
    drawn = Sample(found.events, options.check, options.seed)
    events = drawn.of(source) if options.check else source
    accumulate(engine, events, sums, found.events, options, opened, checkpoint, progress)
    features = with_kinks(features, sums)
    sigma = np.array([f.std for f in features])
    scale = indices.scale(np.nan_to_num(sigma)) if options.scale == "sigma" else None
    steps, numbers = describe_moves(moves, options.finite_step, names), sums.finalize(scale)
    result = make_result(
        opened, engine, reasons, source, features, numbers, options, steps, warnings
    )
    if options.check:
        check = compare_engines(
            opened,
            found,
            options,
            drawn,
            names,
            lambda indices, wanted, x: make_engine(opened, indices, found, wanted, x),
            used=engine,
            refused=reasons["no_exact_engine"],
            evaluations=CHECK_EVALUATIONS,
        )
        result = replace(result, check=check.to_dict())
    if checkpoint is not None:
        checkpoint.clear()
    return result


def make_engine(
    opened: OpenModel,
    indices: MultiIndices,
    found: Survey,
    options: AnalysisOptions,
    x: npt.NDArray[np.float64],
) -> tuple[Engine, dict[str, str | None]]:
    """The engine that the options ask for; why ``auto`` could not take the exact one
    (``no_exact_engine``) or double precision (``no_float64``).

    x (B, n) are a few events of the data. Raises ModelError where ``exact`` is asked for and the
    graph cannot be differentiated, or a precision that the model does not have.
    """
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
        )

    engine: Engine | None = None
    if options.engine != "differences":
        try:
            return exact(function), {"no_exact_engine": None, "no_float64": None}
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
