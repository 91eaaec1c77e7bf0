"""The library call of the cross-check: both engines at a sample of events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from onnxtaylor import data
from onnxtaylor.crosscheck import CrossCheck, Sample, compare_engines
from onnxtaylor.data import EventSource
from onnxtaylor.errors import OptionError, listed
from onnxtaylor.graph import ModelRequest, read_model
from onnxtaylor.options.analysis import AnalysisOptions, DataRequest
from onnxtaylor.problem.events import Paths, Progress, open_data, tell
from onnxtaylor.problem.opening import open_model
from onnxtaylor.problem.rounding import require_held
from onnxtaylor.run.analyze import ModelSource
from onnxtaylor.run.prepare import make_engine
from onnxtaylor.run.summarize import feature_summaries
from onnxtaylor.runtime.provider import choose_provider

__all__ = ["CrossCheck", "cross_check"]

OPTIONS = ("precision", "accuracy", "mixed", "seed", "missing", "threads", "provider")


def cross_check(
    model: ModelSource,
    x: npt.ArrayLike | EventSource | Paths,
    events: int = 64,
    *,
    feature_names: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    order: int = 2,
    input: str | Sequence[str] | None = None,
    output: str | Sequence[str] | None = None,
    fix: Mapping[str, npt.ArrayLike] | None = None,
    output_names: Iterable[object] | None = None,
    link: str = "identity",
    progress: Progress | None = None,
    **options: Any,
) -> CrossCheck:
    """Every Taylor coefficient by both engines, at ``events`` events drawn by ``seed``.

    abs(t_exact − t_differences) ≤ error estimate of the differences + round-off of the exact engine

    at all events but a few: see ``onnxtaylor.crosscheck.verdicts`` for the criterion. The exact
    engine runs in the format that ``precision`` asks for, the differences in float64 where the
    model can be promoted. Third order is left out: it is beyond finite differences.

    The other arguments are those of ``analyze``; ``options`` are precision, accuracy, mixed, seed,
    missing, threads and provider. The verdict is ``not run`` where the model has no exact
    derivatives.

    Raises
    ------
    ModelError, ProbeError
        The model cannot be read or run, is random, or mixes events.
    DataError
        The data cannot be read or does not fit the model.
    OptionError
        An argument makes no sense.

    >>> check = cross_check("model.onnx", "events.parquet")    # doctest: +SKIP
    >>> check.verdict, check.worst(3)                          # doctest: +SKIP
    """
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise OptionError(f"cross_check has no option {listed(unknown)}")
    if events < 1:
        raise OptionError(f"{events} events: one at least is needed")
    chosen = AnalysisOptions(order=order, link=link, **options)
    request = ModelRequest.of(input, output, fix, link, output_names=output_names)
    loaded = read_model(model)
    columns = None if feature_names is None else tuple(feature_names)
    source = open_data(
        loaded,
        request,
        x,
        DataRequest(features=columns, exclude=tuple(exclude)),
        missing=chosen.missing,
        progress=progress,
    )
    found = data.survey(
        source,
        missing=chosen.missing,
        progress=lambda done: tell(progress, "checking data", done, None),
    )
    require_held(loaded, request, source, found)
    sample = Sample(found.events, events, chosen.seed)
    for _ in sample.watch(source.batches(2**16)):
        pass
    provider = choose_provider(chosen.provider)
    tell(progress, "probing", 0, None)
    opened = open_model(loaded, request, sample.x, provider=provider)
    names = [feature.name for feature in feature_summaries(opened, source, found)]
    return compare_engines(
        opened,
        found,
        chosen,
        sample,
        names,
        lambda indices, wanted, x: make_engine(opened, indices, found, wanted, x, progress),
        progress=progress,
    )
