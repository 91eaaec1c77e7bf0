"""The numbers of an analysis and what they came from, put together as a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version

from onnxtaylor.data import EventSource, Survey
from onnxtaylor.engine.base import Engine
from onnxtaylor.options.analysis import AnalysisOptions
from onnxtaylor.problem.events import feature_names_of
from onnxtaylor.problem.opening import OpenModel
from onnxtaylor.results.documents import json_number
from onnxtaylor.results.taylor import (
    DataSummary,
    FeatureSummary,
    ModelSummary,
    Notice,
    TaylorResult,
)
from onnxtaylor.statistics import Accumulator, Statistics

__all__ = ["checkpoint_facts", "feature_summaries", "make_result", "with_kinks"]


def feature_summaries(
    opened: OpenModel, source: EventSource, found: Survey
) -> tuple[FeatureSummary, ...]:
    """Name, moments and range of every feature."""
    names = (
        source.feature_names
        or feature_names_of(opened.model, opened.choice)
        or [f"x{i}" for i in range(opened.function.n_features)]
    )
    if len(names) != opened.function.n_features:
        names = [f"x{i}" for i in range(opened.function.n_features)]
    columns = zip(names, found.mean, found.std, found.min, found.max, found.missing, strict=True)
    return tuple(
        FeatureSummary(name, float(a), float(b), float(c), float(d), int(e))
        for name, a, b, c, d, e in columns
    )


def with_kinks(
    features: tuple[FeatureSummary, ...], sums: Accumulator
) -> tuple[FeatureSummary, ...]:
    """The features with the share of events that have a kink within reach, where it was counted."""
    if not len(sums.kinks):
        return features
    return tuple(
        replace(feature, kinks=float(count / sums.events))
        for feature, count in zip(features, sums.kinks, strict=True)
    )


def checkpoint_facts(
    opened: OpenModel, source: EventSource, found: Survey, options: AnalysisOptions
) -> dict[str, object]:
    """Everything that the sums depend on: what a checkpoint is valid for."""
    kept = {k: getattr(options, k) for k in AnalysisOptions.__dataclass_fields__}
    for name in ("threads", "resume", "scale", "batch_size", "check", "per_class"):
        del kept[name]
    return {
        "version": version("onnxtaylor"),
        "model": opened.model.sha256,
        "responses": opened.response_names,
        "fixed": [(p.name, v.tolist()) for p, v in opened.choice.held],
        "inputs": [p.name for p in opened.choice.features],
        "origins": list(source.origins),
        "features": list(source.feature_names or ()),
        "data": [found.events, found.sum_weight, found.sum_weight2, found.classes],
        "values": [found.mean.tolist(), found.std.tolist(), found.largest.tolist()],
        "options": kept,
    }


def make_result(
    opened: OpenModel,
    engine: Engine,
    reasons: Mapping[str, str | None],
    source: EventSource,
    features: tuple[FeatureSummary, ...],
    numbers: Statistics,
    options: AnalysisOptions,
    steps: Mapping[str, object],
    warnings: Sequence[Notice],
) -> TaylorResult:
    """The result of a finished analysis; ``reasons`` say why it was not done otherwise, ``steps``
    how far features moved where no derivatives were taken.
    """
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
            nodes=opened.nodes,
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
            "scale": options.per,
            "precision": options.precision,
            "missing": json_number(options.missing),
            "bootstrap": options.bootstrap,
            "rank_level": 0.68,
            "seed": options.seed,
            "batch": opened.batch,
            "fixed": {
                p.name: [json_number(x) if isinstance(x, float) else x for x in v.ravel().tolist()]
                for p, v in opened.choice.held
            },
            **reasons,
            **engine.describe(),
            **steps,
        },
        indices=engine.indices,
        score=numbers.score,
        sem=numbers.sem,
        signed_mean=numbers.signed_mean,
        rms=numbers.rms,
        rank=numbers.rank,
        rank_low=numbers.rank_low,
        rank_high=numbers.rank_high,
        numerical_error=numbers.numerical_error,
        version=version("onnxtaylor"),
        warnings=tuple(warnings),
    )
