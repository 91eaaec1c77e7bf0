"""The main job, wired: model and data → engine → batches → sums → result.

1. the graph's inputs and outputs are resolved, and the data's columns with them;
2. one pass over the data checks every cell and measures each feature's spread;
3. the function is probed on the first events;
4. the engine computes coefficients batch by batch, the accumulator sums them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor.crosscheck import Sample, compare_engines
from onnxtaylor.data import EventSource
from onnxtaylor.engine.finite_step.plan import describe_moves
from onnxtaylor.errors import OptionError, listed
from onnxtaylor.graph import LoadedModel, ModelRequest, read_model
from onnxtaylor.options.analysis import AnalysisOptions, DataRequest
from onnxtaylor.problem.events import Paths, Progress, open_data, tell
from onnxtaylor.problem.hygiene import inspect_joints
from onnxtaylor.problem.unvarying import ResponseRanges, findings_of
from onnxtaylor.progress import showing
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.run.accumulate import accumulate
from onnxtaylor.run.prepare import Prepared, make_engine, prepare
from onnxtaylor.run.summarize import checkpoint_facts, make_result, with_kinks
from onnxtaylor.statistics import Accumulator
from onnxtaylor.statistics.checkpoint import Checkpoint

__all__ = ["analyze", "run", "run_prepared"]

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
    output_names: Iterable[object] | None = None,
    classes: Iterable[object] | None = None,
    link: str = "identity",
    scale: str = "sigma",
    events: int | None = None,
    sample: int | None = None,
    progress: Progress | bool | None = None,
    **options: Any,
) -> TaylorResult:
    """⟨t_α⟩ = Σ w abs(t_α) / Σ w of every Taylor coefficient of a model over a data set.

    Parameters
    ----------
    model
        An ONNX file, its bytes, or an ``onnx.ModelProto``.
    x
        Events: an array (N, n), a data frame (pandas, polars, a table of pyarrow), one or several
        file names, or an ``EventSource``.
    feature_names
        Names of the n features; of files and data frames, the columns to take, in the order of the
        model's input. Names that a data frame does not have are new ones for its columns.
    weights, labels
        Arrays (N,), or names of columns where x are files or a data frame: these are no features
        then. Weights of both signs are allowed.
    exclude
        Columns of files or a data frame that are no features.
    order
        1, 2 with all pairs, or 3 with all triples (exact engine only).
    engine
        ``exact`` differentiates the graph, ``differences`` evaluates it at stencil points;
        ``auto`` takes exact for every response with a rule for each operator on the way,
        differences for the others, and says in the result's options which and why.
    input, output, fix
        Inputs that hold features; output tensors, inner tensors or response nodes to analyze;
        values for further inputs.
    output_names, classes
        Names of the response nodes, and the labels of the classes that they are the scores of: one
        for each node of the outputs, in the order of the model. Each may stand alone: classes name
        the nodes, too. Needed where rankings per class are asked for and neither the model's names
        nor labels 0 … C−1 tell which node belongs to which class (``onnxtaylor.results.classes``).
    link
        ``identity``, or ``logit`` / ``log`` of the response.
    scale
        ``sigma``: per standard deviation of each feature, t_i σ_i, t_ij σ_i σ_j, so that features
        of different units can be compared; ``unit``: per unit of the model's input.
    events, sample
        Only the first, or a random sample, of the events.
    progress
        Called with (stage, events done, events in all), the latter None where that is not known;
        the stage ``cross-check`` counts evaluations of the model. True draws a bar, also in
        notebooks.
    **options
        ``precision``: ``float64`` evaluates the model in double precision with either engine,
        ``float32`` in its own format; ``auto`` takes double precision for differences where the
        model can be promoted, and says in the result's options why it could not.
        ``accuracy`` (2, 4 or 6) and ``mixed`` (``two`` or ``four`` corners per pair) of the
        stencil, ``bootstrap`` (number of replicates), ``seed``, ``missing`` (the value of missing
        entries), ``batch_size``, ``threads``, ``provider`` (auto, cpu, cuda), ``resume`` (a
        folder).
        ``per_class``: True refuses the run before it starts where it is not known which response
        belongs to which class.
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
    request = ModelRequest.of(
        input,
        output,
        fix,
        link,
        by_steps=by_steps,
        output_names=output_names,
        classes=classes,
    )
    loaded = read_model(model)
    with showing(progress) as told:
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
            progress=told,
        )
        return run(loaded, request, source, chosen, told)


def run(
    model: LoadedModel,
    request: ModelRequest,
    source: EventSource,
    options: AnalysisOptions,
    progress: Progress | None = None,
) -> TaylorResult:
    """The analysis of one function on one source of events."""
    return run_prepared(prepare(model, request, source, options, progress), source, progress)


def run_prepared(
    made: Prepared, source: EventSource, progress: Progress | None = None
) -> TaylorResult:
    """The analysis of what was prepared for this source of events."""
    opened, found, engine, options = made.opened, made.found, made.engine, made.options
    indices, names = made.indices, made.names
    sums = Accumulator(
        len(opened.response_names),
        len(indices),
        classes=tuple(found.classes),
        replicates=options.bootstrap or 0,
        seed=options.seed,
        quantity=engine.name if made.moves else "derivative",
    )
    checkpoint = None
    if options.resume is not None:
        checkpoint = Checkpoint(options.resume, checkpoint_facts(opened, source, found, options))
    drawn = Sample(found.events, options.check, options.seed)
    ranges = ResponseRanges(opened, tuple(found.classes))
    events = ranges.of(drawn.of(source) if options.check else source)
    accumulate(engine, events, sums, found.events, options, opened, checkpoint, progress)
    tell(progress, "ranking", 0, None)
    features = with_kinks(made.features, sums)
    sigma = np.array([f.std for f in features])
    scale = indices.scale(np.nan_to_num(sigma)) if options.per == "sigma" else None
    steps, numbers = describe_moves(made.moves, options.finite_step, names), sums.finalize(scale)
    warnings = [
        *made.warnings,
        *inspect_joints(sums.joints, sums.events, names),
        *findings_of(ranges.found()),
    ]
    result = make_result(
        opened, engine, made.reasons, source, features, numbers, options, steps, warnings
    )
    if options.check:
        check = compare_engines(
            opened,
            found,
            options,
            drawn,
            names,
            lambda indices, wanted, x: make_engine(opened, indices, found, wanted, x, progress),
            used=engine,
            refused=made.reasons["no_exact_engine"],
            evaluations=CHECK_EVALUATIONS,
            progress=progress,
        )
        result = replace(result, check=check.to_dict())
    if checkpoint is not None:
        checkpoint.clear()
    return result
