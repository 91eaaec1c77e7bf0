"""Assembles the numbers of an analysis and their provenance to a result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from importlib.metadata import version

import numpy as np

from onnxtaylor.engine.base import Engine
from onnxtaylor.engine.factory import ChosenEngine
from onnxtaylor.options import EngineOptions, StatisticsOptions
from onnxtaylor.options.scale import scale_of
from onnxtaylor.problem import Problem
from onnxtaylor.problem.roles import list_roles
from onnxtaylor.results.documents import json_number
from onnxtaylor.results.summaries import VariableSummary
from onnxtaylor.results.taylor import (
    DataSummary,
    FeatureSummary,
    ModelSummary,
    Notice,
    TaylorResult,
)
from onnxtaylor.run.prepare import Ranked
from onnxtaylor.statistics import Accumulator, Statistics

__all__ = ["checkpoint_facts", "make_result"]

_CURVATURES = {"derivative": "pointwise", "averaged": "averaged", "finite-step": None}


def _with_kinks(
    features: tuple[FeatureSummary, ...], sums: Accumulator
) -> tuple[FeatureSummary, ...]:
    """Adds the share of events with a kink within reach to the features, where it was counted."""
    if not len(sums.kinks):
        return features
    return tuple(
        replace(feature, kinks=float(count / sums.events))
        for feature, count in zip(features, sums.kinks[: len(features)], strict=True)
    )


def checkpoint_facts(
    problem: Problem, options: EngineOptions, statistics: StatisticsOptions
) -> dict[str, object]:
    """Lists everything that the sums depend on; a checkpoint is valid only for these values."""
    survey = problem.survey
    kept = {f.name: getattr(options, f.name) for f in fields(options)}
    for name in ("threads", "batch_size"):
        del kept[name]
    return {
        "version": version("onnxtaylor"),
        "model": problem.model.sha256,
        "responses": problem.response_names,
        "fixed": [(p.name, v.tolist()) for p, v in problem.choice.held],
        "inputs": [p.name for p in problem.choice.features],
        "specification": repr(problem.choice.specification),
        "origins": list(problem.source.origins),
        "features": list(problem.source.feature_names or ()),
        "data": [survey.events, survey.sum_weight, survey.sum_weight2, survey.classes],
        "values": [survey.mean.tolist(), survey.std.tolist(), survey.largest.tolist()],
        "options": {
            **kept,
            "link": problem.function.link,
            "missing": problem.missing,
            "bootstrap": statistics.bootstrap,
            "seed": statistics.seed,
            "by": statistics.by,
            "reduce": statistics.reduce,
            # reduced, coefficients are scaled before they are summed
            "scale": statistics.scale if statistics.by not in (None, "feature") else None,
        },
    }


def make_result(
    problem: Problem,
    chosen: ChosenEngine,
    sums: Accumulator,
    options: EngineOptions,
    statistics: StatisticsOptions,
    notices: Sequence[Notice],
    ranked: Ranked,
) -> TaylorResult:
    """Assembles the result of a finished analysis, in the requested scale.

    ``chosen`` has the engine whose coefficients were summed, ``statistics`` the number of bootstrap
    replicates that were made. Raises DataError where the weights of a group do not sum to a
    positive number.
    """
    engine, scale = chosen.engine, scale_of(options, statistics)
    features = _with_kinks(problem.features, sums)
    factors = None
    if scale == "sigma" and ranked.grouping is None:  # reduced coefficients have been scaled
        sigma = np.nan_to_num(np.array([feature.std for feature in features]))
        factors = engine.indices.scale(sigma)
    numbers = sums.finalize(factors)
    described = {**chosen.reasons, **engine.describe()}
    indices = engine.indices
    if ranked.grouping is None:
        indices = problem.function.of_features(indices)
    return TaylorResult(
        model=_model_summary(problem, engine),
        data=_data_summary(problem, numbers, features, ranked),
        options={
            "order": options.order,
            "by": ranked.by,
            "reduction": ranked.how,
            "link": problem.function.link,
            "scale": scale,
            "precision": options.precision,
            "missing": json_number(problem.missing),
            "bootstrap": statistics.bootstrap,
            "rank_level": 0.68,
            "seed": statistics.seed,
            "batch": problem.batch,
            "fixed": {
                p.name: [json_number(x) if isinstance(x, float) else x for x in v.ravel().tolist()]
                for p, v in problem.choice.held
            },
            "inputs": [role.to_dict() for role in list_roles(problem)],
            **described,
            "finite_step": described.get("finite_step"),
            "curvature": _CURVATURES[engine.quantity] if options.order > 1 else None,
            "curvature_reason": chosen.curvature.reason,
            "curvature_step": described.get("curvature_step"),
        },
        indices=indices,
        score=numbers.score,
        sem=numbers.sem,
        signed_mean=numbers.signed_mean,
        rms=numbers.rms,
        rank=numbers.rank,
        rank_low=numbers.rank_low,
        rank_high=numbers.rank_high,
        numerical_error=numbers.numerical_error,
        version=version("onnxtaylor"),
        warnings=tuple(notices),
    )


def _model_summary(problem: Problem, engine: Engine) -> ModelSummary:
    return ModelSummary(
        path=problem.model.path,
        sha256=problem.model.sha256,
        producer=problem.model.producer,
        opset=problem.model.opset,
        output=problem.response_names,
        engine=engine.name,
        precision=engine.precision,
        provider=problem.provider,
        nodes=problem.nodes,
    )


def _data_summary(
    problem: Problem,
    numbers: Statistics,
    features: tuple[FeatureSummary, ...],
    ranked: Ranked,
) -> DataSummary:
    whole, grouping = numbers.groups[0], ranked.grouping
    members = [] if grouping is None else grouping.members(ranked.names)
    return DataSummary(
        sources=tuple(problem.source.origins),
        events=whole.events,
        sum_weight=whole.sum_weight,
        n_eff=whole.n_eff,
        groups=numbers.groups,
        features=features,
        variables=tuple(map(VariableSummary, ranked.labels, members)) if members else (),
    )
