"""Two models on the same data, event by event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.comparison.match import Match, match
from onnxtaylor.comparison.moved import LEAST, SIGNIFICANCE, Comparison, compare_results
from onnxtaylor.comparison.paired import PairedSums
from onnxtaylor.data import Batch, EventSource
from onnxtaylor.engine.base import BatchCoefficients
from onnxtaylor.errors import DataError, OptionError, listed
from onnxtaylor.graph import LoadedModel, ModelRequest, read_model
from onnxtaylor.options.analysis import AnalysisOptions, DataRequest
from onnxtaylor.problem.events import Paths, Progress, open_data, tell
from onnxtaylor.progress import showing
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.run.analyze import ModelSource, run_prepared
from onnxtaylor.run.prepare import Prepared, prepare

__all__ = ["compare_models"]


def compare_models(
    a: ModelSource,
    b: ModelSource,
    x: npt.ArrayLike | EventSource | Paths,
    *,
    feature_names: Sequence[str] | None = None,
    weights: npt.ArrayLike | str | None = None,
    labels: npt.ArrayLike | str | None = None,
    exclude: Sequence[str] = (),
    input: str | Sequence[str] | None = None,
    output: str | Sequence[str] | None = None,
    output_b: str | Sequence[str] | None = None,
    fix: Mapping[str, npt.ArrayLike] | None = None,
    output_names: Iterable[object] | None = None,
    classes: Iterable[object] | None = None,
    link: str = "identity",
    events: int | None = None,
    sample: int | None = None,
    significance: float = SIGNIFICANCE,
    least: float = LEAST,
    progress: Progress | bool | None = None,
    **options: Any,
) -> Comparison:
    """Δ_α = Σ w (abs(t_α) of B − abs(t_α) of A) / Σ w, with its standard error, and f_B − f_A.

    Both models are analyzed, then they go through the events together. ``output_b`` are the
    outputs of B where they are called otherwise than those of A; ``output_names`` and ``classes``
    are those of both models. The other arguments are those of ``analyze``, but for ``check``:
    nothing is cross-checked. Raises as ``analyze`` and ``compare_results`` do.
    """
    unknown = sorted(set(options) - set(AnalysisOptions.__dataclass_fields__))
    if unknown:
        raise OptionError(f"compare_models has no option {listed(unknown)}")
    chosen = replace(AnalysisOptions(link=link, **options), check=0)
    wanted = DataRequest(
        features=None if feature_names is None else tuple(feature_names),
        label=labels if isinstance(labels, str) else None,
        weight=weights if isinstance(weights, str) else None,
        exclude=tuple(exclude),
        events=events,
        sample=sample,
    )
    with showing(progress) as told:
        sides = []
        for model, nodes in ((a, output), (b, output if output_b is None else output_b)):
            by_steps = chosen.finite_step is not None
            request = ModelRequest.of(
                input,
                nodes,
                fix,
                link,
                by_steps=by_steps,
                output_names=output_names,
                classes=classes,
            )
            loaded = read_model(model)
            source = open_data(
                loaded,
                request,
                x,
                wanted,
                missing=chosen.missing,
                arrays=(weights, labels),
                seed=chosen.seed,
                progress=told,
            )
            sides.append(_analyzed(loaded, request, source, chosen, told))
        shared = match(sides[0].result, sides[1].result)
        sums = _side_by_side(sides[0], sides[1], shared, chosen.batch_size, told)
    change, sigma = sums.change()
    if chosen.per == "sigma":
        spread = np.nan_to_num(np.array([f.std for f in sides[0].result.data.features]))
        unit = shared.indices.scale(spread)
        change, sigma = change * unit, sigma * unit
    return compare_results(
        sides[0].result,
        sides[1].result,
        significance=significance,
        least=least,
        change=(change, sigma),
        responses=sums.responses(),
    )


@dataclass(frozen=True)
class _Side:
    """One of the models: what it gave alone, its engine, and its view of the events."""

    result: TaylorResult
    made: Prepared
    source: EventSource


def _analyzed(
    model: LoadedModel,
    request: ModelRequest,
    source: EventSource,
    options: AnalysisOptions,
    progress: Progress | None,
) -> _Side:
    made = prepare(model, request, source, options, progress)
    return _Side(run_prepared(made, source, progress), made, source)


def _side_by_side(
    a: _Side, b: _Side, shared: Match, batch_size: int | None, progress: Progress | None
) -> PairedSums:
    """Both models at each event. Raises DataError where they do not see the same ones."""
    sums = PairedSums([name for name, _ in shared.outputs], len(shared.indices), shared.groups)
    size = batch_size or max(a.made.engine.batch_events, b.made.engine.batch_events)
    done, total = 0, a.made.found.events
    for one, two in zip(a.source.batches(size), b.source.batches(size), strict=True):
        if not np.array_equal(one.numbers, two.numbers):
            raise DataError("the two models do not see the same events of the data")
        tell(progress, "comparing", done, total)
        answer_a = _answer(a.made, one, shared.a[0])
        answer_b = _answer(b.made, two, shared.b[0])
        terms = replace(answer_a, terms=answer_a.terms[..., shared.a[2]])
        sums.update(one, terms, answer_b, shared.b[2])
        done += len(one)
    tell(progress, "comparing", done, total)
    return sums


def _answer(made: Prepared, batch: Batch, outputs: npt.NDArray[np.int64]) -> BatchCoefficients:
    """Responses and coefficients of the chosen outputs."""
    found = made.engine.coefficients(batch.x)
    return BatchCoefficients(found.responses[:, outputs], found.terms[:, outputs])
