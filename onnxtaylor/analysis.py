"""The main job, wired: model and data → engine → batches → sums → result.

1. the graph's inputs and outputs are resolved, and the data's columns with them;
2. one pass over the data checks every cell and measures each feature's spread;
3. the function is probed on the first events;
4. the engine computes coefficients batch by batch, the accumulator sums them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import onnx

from onnxtaylor import data
from onnxtaylor.data import Batch, EventSource, Survey
from onnxtaylor.engine.base import BatchCoefficients, Engine
from onnxtaylor.engine.differences import Differences
from onnxtaylor.engine.exact import Exact
from onnxtaylor.engine.opening import OpenModel, open_model
from onnxtaylor.engine.session import choose_provider
from onnxtaylor.errors import DataError, ModelError, OptionError, printable
from onnxtaylor.graph import LoadedModel, ModelRequest, choose, read_model, stored_names
from onnxtaylor.indices import MultiIndices, check_order, count
from onnxtaylor.result import DataSummary, FeatureSummary, ModelSummary, TaylorResult
from onnxtaylor.statistics import Accumulator, Statistics
from onnxtaylor.statistics.accumulator import ALL
from onnxtaylor.statistics.checkpoint import Checkpoint

__all__ = ["ENGINES", "SCALES", "AnalysisOptions", "Progress", "analyze"]

ENGINES = ("auto", "exact", "differences")
SCALES = ("unit", "sigma")
FEATURE_KEYS = ("feature_names", "features", "input_names", "columns")
REPLICATES = 200
REPLICATE_BYTES = 2**30  # beyond it the default bootstrap has fewer replicates
SAVE_SECONDS = 20.0  # between checkpoints

Progress = Callable[[str, int, int | None], None]  # stage, events done, events in all
ModelSource = str | os.PathLike[str] | bytes | onnx.ModelProto
Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@dataclass(frozen=True)
class AnalysisOptions:
    """How coefficients are computed and summed; see ``analyze`` for the meaning of each."""

    order: int = 2
    engine: str = "auto"
    link: str = "identity"
    scale: str = "unit"
    accuracy: int | None = None
    mixed: str = "two"
    bootstrap: int | None = None
    seed: int = 0
    missing: float | None = None
    batch_size: int | None = None
    threads: int = 0
    provider: str = "auto"
    resume: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        check_order(self.order)
        if self.engine not in ENGINES:
            raise OptionError(f"engine '{printable(self.engine)}' is not offered: {_list(ENGINES)}")
        if self.scale not in SCALES:
            raise OptionError(f"scale '{printable(self.scale)}' is not offered: {_list(SCALES)}")
        for name, least in (("bootstrap", 0), ("seed", 0), ("batch_size", 1), ("threads", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise OptionError(f"{name} {value}: {least} is the least")
        if self.seed >= 2**63:
            raise OptionError(f"seed {self.seed}: it must be below 2⁶³")


@dataclass(frozen=True)
class DataRequest:
    """Which columns and events of the data are taken; names of columns hold for files only."""

    features: tuple[str, ...] | None = None
    label: str | None = None
    weight: str | None = None
    exclude: tuple[str, ...] = ()
    events: int | None = None
    sample: int | None = None


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
        1, or 2 with all pairs.
    engine
        ``exact`` differentiates the graph, ``differences`` evaluates it at stencil points;
        ``auto`` takes exact where every operator on the way has a rule, and says in the
        result's options why it could not.
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
        ``accuracy`` (2 or 4) and ``mixed`` (``two`` or ``four`` points per pair) of the stencil,
        ``bootstrap`` (number of replicates), ``seed``, ``missing`` (the value of missing entries),
        ``batch_size``, ``threads``, ``provider`` (auto, cpu, cuda), ``resume`` (a folder).

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
        raise OptionError(f"analyze has no option {_list(unknown)}")
    chosen = AnalysisOptions(order=order, engine=engine, link=link, scale=scale, **options)
    request = ModelRequest(_names(input), _names(output), dict(fix or {}), link)
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


def open_data(
    model: LoadedModel,
    request: ModelRequest,
    x: npt.ArrayLike | EventSource | Paths,
    wanted: DataRequest,
    *,
    missing: float | None = None,
    arrays: tuple[Any, Any] = (None, None),
    seed: int = 0,
    progress: Progress | None = None,
) -> EventSource:
    """The events of an array or of files, cut to those that are wanted.

    The names of a file's columns are matched with those that the model carries.
    """
    offered = stored_names(model.proto, FEATURE_KEYS)
    source: EventSource
    if hasattr(x, "batches"):
        source = cast(EventSource, x)
    elif (paths := _paths(x)) is not None:
        source = data.open_source(
            paths,
            request=data.ColumnRequest(
                n_features=choose(model, request).n_features,
                features=wanted.features,
                offered=None if offered is None else tuple(offered),
                label=wanted.label,
                weight=wanted.weight,
                exclude=wanted.exclude,
                missing=missing,
            ),
        )
    else:
        for name, value in (("labels", wanted.label), ("weights", wanted.weight)):
            if value is not None:
                raise OptionError(f"{name}='{printable(value)}' names a column, but x is an array")
        weights, labels = arrays
        source = data.ArraySource(
            x, weights=weights, labels=labels, feature_names=wanted.features, missing=missing
        )
    if wanted.events is not None:
        source = data.first_events(source, wanted.events)
    if wanted.sample is not None:
        # one pass counts: a sample of unknown size cannot be drawn evenly
        total = 0
        for batch in source.batches(2**16):
            total += len(batch)
            _tell(progress, "counting", total, None)
        source = data.sampled(source, total, wanted.sample, seed)
    return source


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
        progress=lambda done: _tell(progress, "checking data", done, None),
    )
    if ALL in found.classes:
        raise DataError(f"a class is called '{ALL}', as is the group of all events: rename it")
    provider = choose_provider(options.provider)
    first = next(iter(source.batches(min(found.events, 64))))
    opened = open_model(model, request, first.x, provider=provider)
    indices = _indices(opened, options.order)
    # the batch and its first displaced rows must fit in memory before anything is allocated
    replicates = _replicates(options.bootstrap, opened, indices, max(1, len(found.classes)))
    engine, why = make_engine(opened, indices, found, options, first.x)
    sums = Accumulator(
        len(opened.response_names),
        len(indices),
        classes=tuple(found.classes),
        replicates=replicates,
        seed=options.seed,
    )
    options = replace(options, bootstrap=replicates)
    checkpoint = None
    if options.resume is not None:
        checkpoint = Checkpoint(options.resume, _facts(opened, source, found, options))
    _accumulate(engine, source, sums, found.events, options, opened, checkpoint, progress)
    features = _features(opened, source, found)
    sigma = np.array([f.std for f in features])
    scale = indices.scale(np.nan_to_num(sigma)) if options.scale == "sigma" else None
    result = _result(opened, engine, why, source, features, sums.finalize(scale), options)
    if checkpoint is not None:
        checkpoint.clear()
    return result


def make_engine(
    opened: OpenModel,
    indices: MultiIndices,
    found: Survey,
    options: AnalysisOptions,
    x: npt.NDArray[np.float64],
) -> tuple[Engine, str | None]:
    """The engine that the options ask for, and why ``auto`` could not take the exact one.

    x (B, n) are a few events of the data. Raises ModelError where ``exact`` is asked for and the
    graph cannot be differentiated.
    """
    why = None
    if options.engine != "differences":
        try:
            exact = Exact(
                opened.function, indices, x=x, threads=options.threads, provider=opened.provider
            )
        except ModelError as error:
            if options.engine == "exact":
                raise ModelError(
                    f"{printable(opened.model.path)}: no exact derivatives: {error}; use"
                    " --engine differences"
                ) from None
            why = str(error)
        else:
            return exact, None
    differences = Differences(
        opened.function,
        indices,
        spread=found.spread,
        largest=found.largest,
        accuracy=options.accuracy,
        mixed=options.mixed,
        threads=options.threads,
        provider=opened.provider,
    )
    return differences, why


def _accumulate(
    engine: Engine,
    source: EventSource,
    sums: Accumulator,
    total: int,
    options: AnalysisOptions,
    opened: OpenModel,
    checkpoint: Checkpoint | None,
    progress: Progress | None,
) -> None:
    """Feeds every batch through the engine; saves the sums now and then, and when interrupted."""
    done = checkpoint.restore(sums) if checkpoint else 0
    saved = time.monotonic()
    whole = True  # sums that an interrupt tore half way are not worth saving
    try:
        for batch in _behind(source.batches(options.batch_size or engine.batch_events), done):
            _tell(progress, "coefficients", sums.events, total)
            answer = engine.coefficients(batch.x)
            _check_finite(answer, batch, opened)
            whole = False
            sums.update(answer.terms, batch.weights, batch.numbers, batch.labels)
            whole = True
            if checkpoint and time.monotonic() - saved > SAVE_SECONDS:
                checkpoint.save(sums)
                saved = time.monotonic()
        if checkpoint:
            checkpoint.save(sums)
        _tell(progress, "coefficients", sums.events, total)
    except KeyboardInterrupt:
        if checkpoint and whole:
            checkpoint.save(sums)
        raise


def _behind(batches: Iterator[Batch], done: int) -> Iterator[Batch]:
    """The batches without the first ``done`` events."""
    for batch in batches:
        if done >= len(batch):
            done -= len(batch)
        elif done:
            labels = None if batch.labels is None else batch.labels[done:]
            yield Batch(batch.x[done:], batch.weights[done:], labels, batch.numbers[done:])
            done = 0
        else:
            yield batch


def _check_finite(answer: BatchCoefficients, batch: Batch, opened: OpenModel) -> None:
    finite = np.isfinite(answer.terms).all(axis=2) & np.isfinite(answer.responses)
    if finite.all():
        return
    event, node = np.argwhere(~finite)[0]
    hint = (
        "the response is saturated there: use --link identity"
        if opened.function.link != "identity"
        else "leave the event out, or see what its features do to the model"
    )
    raise ModelError(
        f"{printable(opened.model.path)}: response '{printable(opened.response_names[node])}' or"
        f" its coefficients are not finite at event {batch.numbers[event]} (counted from 0): {hint}"
    )


def _indices(opened: OpenModel, order: int) -> MultiIndices:
    n = opened.function.n_features
    if order > 2:
        raise OptionError("third order is not offered yet: use --order 1 or 2")
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


def _features(opened: OpenModel, source: EventSource, found: Survey) -> tuple[FeatureSummary, ...]:
    names = (
        source.feature_names
        or stored_names(opened.model.proto, FEATURE_KEYS)
        or [f"x{i}" for i in range(opened.function.n_features)]
    )
    if len(names) != opened.function.n_features:
        names = [f"x{i}" for i in range(opened.function.n_features)]
    columns = zip(names, found.mean, found.std, found.min, found.max, found.missing, strict=True)
    return tuple(
        FeatureSummary(name, float(a), float(b), float(c), float(d), int(e))
        for name, a, b, c, d, e in columns
    )


def _facts(
    opened: OpenModel, source: EventSource, found: Survey, options: AnalysisOptions
) -> dict[str, object]:
    """Everything that the sums depend on: what a checkpoint is valid for."""
    kept = {k: getattr(options, k) for k in AnalysisOptions.__dataclass_fields__}
    for name in ("threads", "resume", "scale", "batch_size"):
        del kept[name]
    return {
        "version": version("onnxtaylor"),
        "model": opened.model.sha256,
        "responses": opened.response_names,
        "fixed": [(p.name, v.tolist()) for p, v in opened.choice.fixed],
        "inputs": [p.name for p in opened.choice.features],
        "origins": list(source.origins),
        "features": list(source.feature_names or ()),
        "data": [found.events, found.sum_weight, found.sum_weight2, found.classes],
        "values": [found.mean.tolist(), found.std.tolist(), found.largest.tolist()],
        "options": kept,
    }


def _result(
    opened: OpenModel,
    engine: Engine,
    why: str | None,
    source: EventSource,
    features: tuple[FeatureSummary, ...],
    numbers: Statistics,
    options: AnalysisOptions,
) -> TaylorResult:
    whole = numbers.groups[0]
    return TaylorResult(
        model=ModelSummary(
            path=opened.model.path,
            sha256=opened.model.sha256,
            producer=opened.model.producer,
            opset=opened.model.opset,
            output=opened.response_names,
            engine=engine.name,
            precision=engine.precision,
            provider=opened.provider,
        ),
        data=DataSummary(
            sources=tuple(source.origins),
            events=whole.events,
            sum_weight=whole.sum_weight,
            n_eff=whole.n_eff,
            groups=numbers.groups,
            features=features,
        ),
        options={
            "order": options.order,
            "link": options.link,
            "scale": options.scale,
            "missing": options.missing,
            "bootstrap": options.bootstrap,
            "rank_level": 0.68,
            "seed": options.seed,
            "batch": opened.batch,
            "fixed": {p.name: v.tolist() for p, v in opened.choice.fixed},
            "no_exact_engine": why,
            **engine.describe(),
        },
        indices=engine.indices,
        score=numbers.score,
        sem=numbers.sem,
        signed_mean=numbers.signed_mean,
        rms=numbers.rms,
        rank=numbers.rank,
        rank_low=numbers.rank_low,
        rank_high=numbers.rank_high,
        version=version("onnxtaylor"),
    )


def _paths(x: object) -> list[str | os.PathLike[str]] | None:
    """File names, or None for what is data itself."""
    if isinstance(x, str | os.PathLike):
        return [x]
    if isinstance(x, list | tuple) and x and all(isinstance(p, str | os.PathLike) for p in x):
        return list(x)
    return None


def _names(value: str | Sequence[str] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def _tell(progress: Progress | None, stage: str, done: int, total: int | None) -> None:
    if progress is not None:
        progress(stage, done, total)


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(printable, names))
