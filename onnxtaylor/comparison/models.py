"""Two models on the same data, event by event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from onnxtaylor.analysis import ModelSource, run
from onnxtaylor.comparison.match import match
from onnxtaylor.comparison.moved import LEAST, SIGNIFICANCE, Comparison, compare_results
from onnxtaylor.comparison.paired import PairedSums
from onnxtaylor.data import Batch, EventSource
from onnxtaylor.engine.base import BatchCoefficients
from onnxtaylor.errors import DataError, OptionError, listed
from onnxtaylor.graph import ModelRequest, read_model
from onnxtaylor.inputs import Paths, Progress, open_data, tell
from onnxtaylor.preparation import Prepared, prepare
from onnxtaylor.settings import AnalysisOptions, DataRequest

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
    link: str = "identity",
    events: int | None = None,
    significance: float = SIGNIFICANCE,
    least: float = LEAST,
    progress: Progress | None = None,
    **options: Any,
) -> Comparison:
    """Δ_α = Σ w (abs(t_α) of B − abs(t_α) of A) / Σ w, with its standard error, and f_B − f_A.

    Both models are analyzed, then they go through the events together. ``output_b`` are the
    outputs of B where they are called otherwise than those of A; the other arguments are those of
    ``analyze``. Raises as ``analyze`` and ``compare_results`` do.
    """
    unknown = sorted(set(options) - set(AnalysisOptions.__dataclass_fields__))
    if unknown:
        raise OptionError(f"compare_models has no option {listed(unknown)}")
    chosen = replace(AnalysisOptions(link=link, **options), check=0)
    sides = []
    for model, wanted in ((a, output), (b, output if output_b is None else output_b)):
        by_steps = chosen.finite_step is not None
        request = ModelRequest.of(input, wanted, fix, link, by_steps=by_steps)
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
            ),
            missing=chosen.missing,
            arrays=(weights, labels),
            progress=progress,
        )
        result = run(loaded, request, source, chosen, progress)
        # its engine once more, for the way through the events side by side: without replicates
        made = prepare(loaded, request, source, replace(chosen, bootstrap=0), None)
        sides.append((result, made, source))
    (result_a, made_a, source_a), (result_b, made_b, source_b) = sides
    shared = match(result_a, result_b)
    sums = PairedSums([name for name, _ in shared.outputs], len(shared.indices), shared.groups)
    size = chosen.batch_size or max(made_a.engine.batch_events, made_b.engine.batch_events)
    done = 0
    for one, two in zip(source_a.batches(size), source_b.batches(size), strict=True):
        if not np.array_equal(one.numbers, two.numbers):
            raise DataError("the two models do not see the same events of the data")
        tell(progress, "comparing", done, made_a.found.events)
        answer_a = _answer(made_a, one, shared.a[0])
        answer_b = _answer(made_b, two, shared.b[0])
        terms = replace(answer_a, terms=answer_a.terms[..., shared.a[2]])
        sums.update(one, terms, answer_b, shared.b[2])
        done += len(one)
    tell(progress, "comparing", done, made_a.found.events)
    change, sigma = sums.change()
    if chosen.scale == "sigma" and chosen.finite_step is None:
        spread = np.nan_to_num(np.array([f.std for f in result_a.data.features]))
        unit = shared.indices.scale(spread)
        change, sigma = change * unit, sigma * unit
    return compare_results(
        result_a,
        result_b,
        significance=significance,
        least=least,
        change=(change, sigma),
        responses=sums.responses(),
    )


def _answer(made: Prepared, batch: Batch, outputs: npt.NDArray[np.int64]) -> BatchCoefficients:
    """Responses and coefficients of the chosen outputs."""
    found = made.engine.coefficients(batch.x)
    return BatchCoefficients(found.responses[:, outputs], found.terms[:, outputs])
