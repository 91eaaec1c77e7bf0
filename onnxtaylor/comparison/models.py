"""Two models on the same data, event by event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from onnxtaylor.comparison.match import Match, match
from onnxtaylor.comparison.moved import LEAST, SIGNIFICANCE, Comparison, compare_results
from onnxtaylor.comparison.paired import PairedSums
from onnxtaylor.data import Batch
from onnxtaylor.engine.base import BatchCoefficients
from onnxtaylor.errors import DataError
from onnxtaylor.options import DataOptions, EngineOptions, ModelOptions, StatisticsOptions
from onnxtaylor.options.functions import read_keywords, with_options
from onnxtaylor.options.scale import scale_of
from onnxtaylor.problem import ModelSource, Problem
from onnxtaylor.problem.calls import problem_of, refuse_beside_problem
from onnxtaylor.problem.events import Events
from onnxtaylor.progress import Progress, progress_callback, report_progress
from onnxtaylor.run.analyze import Analysis, analyze_problem

if TYPE_CHECKING:
    from typing import Unpack

    from onnxtaylor.options.keywords import CompareKeywords

__all__ = ["compare_models", "compare_problems"]


@with_options("compare_models")
def compare_models(
    a: ModelSource | Problem,
    b: ModelSource | Problem,
    x: Events | None = None,
    *,
    output_b: str | Sequence[str] | None = None,
    significance: float = SIGNIFICANCE,
    least: float = LEAST,
    progress: Progress | bool | None = None,
    **options: Unpack[CompareKeywords],
) -> Comparison:
    """Δ_α = Σ w (abs(t_α) of B − abs(t_α) of A) / Σ w, with its standard error, and f_B − f_A.

    Both models are analyzed, then they go through the events together.

    Parameters
    ----------
    a, b, x
        Two models and their data as for ``analyze``; or two problems on the same events.
    output_b
        Outputs of B where their names differ from those of A.
    significance, least
        As for ``compare_results``.
    progress
        Called with (stage, events done, events in all). True draws a bar, also in notebooks.
    **options
        Options of ``analyze`` except ``check``: nothing is cross-checked. ``output_names`` and
        ``classes`` apply to both models.

    Raises
    ------
    OnnxTaylorError
        As ``analyze`` and ``compare_results`` do.
    """
    of_model, of_data, of_engine, of_statistics = read_keywords(
        "compare_models", options, ModelOptions, DataOptions, EngineOptions, StatisticsOptions
    )
    scale_of(of_engine, of_statistics)
    of_b = of_model
    if output_b is not None:
        if isinstance(b, Problem):
            refuse_beside_problem(None, ["output"])
        of_b = replace(of_model, output=output_b)
    with progress_callback(progress) as report:
        one, two = (
            problem_of(
                model,
                None if isinstance(model, Problem) else x,
                options,
                own,
                of_data,
                derivatives=of_engine.finite_step is None,
                provider=of_engine.provider,
                seed=of_statistics.seed,
                progress=report,
            )
            for model, own in ((a, of_model), (b, of_b))
        )
        return compare_problems(
            one,
            two,
            of_engine,
            of_statistics,
            significance=significance,
            least=least,
            progress=report,
        )


def compare_problems(
    a: Problem,
    b: Problem,
    engine_options: EngineOptions | None = None,
    statistics_options: StatisticsOptions | None = None,
    *,
    significance: float = SIGNIFICANCE,
    least: float = LEAST,
    progress: Progress | None = None,
) -> Comparison:
    """Compares two models on the same events. Raises as ``compare_models`` does."""
    options = engine_options or EngineOptions()
    statistics = replace(statistics_options or StatisticsOptions(), check=0)
    one, two = (
        _Side(problem, analyze_problem(problem, options, statistics, progress=progress))
        for problem in (a, b)
    )
    if {one.analysis.engine.quantity, two.analysis.engine.quantity} == {"derivative", "averaged"}:
        # the kinks of one matter: then both are averaged
        options = replace(options, curvature="averaged")
        one, two = (
            side
            if side.analysis.engine.quantity == "averaged"
            else _Side(side.problem, analyze_problem(side.problem, options, statistics))
            for side in (one, two)
        )
    results = one.analysis.result, two.analysis.result
    shared = match(*results)
    sums = _side_by_side(one, two, shared, options.batch_size, progress)
    change, sigma = sums.change()
    if scale_of(options, statistics) == "sigma" and not results[0].data.variables:
        spread = np.nan_to_num(np.array([f.std for f in results[0].data.features]))
        unit = shared.indices.scale(spread)
        change, sigma = change * unit, sigma * unit
    return compare_results(
        *results,
        significance=significance,
        least=least,
        change=(change, sigma),
        responses=sums.responses(),
    )


@dataclass(frozen=True)
class _Side:
    """One of the two models: its problem, and the analysis of it alone."""

    problem: Problem
    analysis: Analysis

    def answer(self, batch: Batch, outputs: npt.NDArray[np.int64]) -> BatchCoefficients:
        """Computes responses and coefficients of the chosen outputs."""
        answer = self.analysis.engine.coefficients(batch.x)
        return BatchCoefficients(answer.responses[:, outputs], answer.terms[:, outputs])


def _side_by_side(
    a: _Side, b: _Side, shared: Match, batch_size: int | None, progress: Progress | None
) -> PairedSums:
    """Sums over both models at each event. Raises DataError where their events differ."""
    sums = PairedSums([name for name, _ in shared.outputs], len(shared.indices), shared.groups)
    size = batch_size or max(side.analysis.engine.batch_events for side in (a, b))
    done, total = 0, a.problem.survey.events
    batches = (side.problem.source.batches(size) for side in (a, b))
    for one, two in zip(*batches, strict=True):
        if not np.array_equal(one.numbers, two.numbers):
            raise DataError("the two models do not see the same events of the data")
        report_progress(progress, "comparing", done, total)
        answer_a = a.answer(one, shared.a[0])
        answer_b = b.answer(two, shared.b[0])
        terms = replace(answer_a, terms=answer_a.terms[..., shared.a[2]])
        sums.update(one, terms, answer_b, shared.b[2])
        done += len(one)
    report_progress(progress, "comparing", done, total)
    return sums
