"""Assembles the numbers of an analysis and their provenance to a result."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np

from onnxtaylor.data import class_files
from onnxtaylor.engine.base import Engine
from onnxtaylor.engine.factory import ChosenEngine
from onnxtaylor.options import EngineOptions, StatisticsOptions
from onnxtaylor.options.scale import scale_of
from onnxtaylor.problem import Problem
from onnxtaylor.problem.roles import list_roles
from onnxtaylor.results.documents import json_missing, json_number
from onnxtaylor.results.summaries import DataSummary, ModelSummary, Notice, VariableSummary
from onnxtaylor.results.taylor import TaylorResult
from onnxtaylor.run.head import Head
from onnxtaylor.run.prepare import Ranked
from onnxtaylor.statistics import Accumulator

__all__ = ["make_head", "make_result"]

_CURVATURES = {"derivative": "pointwise", "averaged": "averaged", "finite-step": None}


def _chosen_events(problem: Problem) -> dict[str, object]:
    """Returns the selection of the events and their files by class, where there are such."""
    options, facts = problem.data_options, dict[str, object]()
    if options.where is not None:
        facts["where"] = options.where
    if options.files_by_class is not None:
        by_class: dict[str, list[str]] = {}
        for file in class_files(options.files_by_class):
            by_class.setdefault(file.label, []).append(file.path)
        facts["files_by_class"] = by_class
    return facts


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
    return make_head(problem, chosen, options, statistics, notices, ranked).fill(sums)


def make_head(
    problem: Problem,
    chosen: ChosenEngine,
    options: EngineOptions,
    statistics: StatisticsOptions,
    notices: Sequence[Notice],
    ranked: Ranked,
) -> Head:
    """Assembles everything of a result but its numbers; parameters are those of ``make_result``."""
    engine, scale = chosen.engine, scale_of(options, statistics)
    factors = None
    if scale == "sigma" and ranked.grouping is None:  # reduced coefficients have been scaled
        sigma = np.nan_to_num(np.array([feature.std for feature in problem.features]))
        factors = engine.indices.scale(sigma)
    described = {**chosen.reasons, **engine.describe()}
    indices = engine.indices
    if ranked.grouping is None:
        indices = problem.function.of_features(indices)
    return Head(
        model=_model_summary(problem, engine),
        data=_data_summary(problem, ranked),
        options={
            "order": options.order,
            "by": ranked.by,
            "reduction": ranked.how,
            "link": problem.function.link,
            "scale": scale,
            "precision": options.precision,
            "missing": json_missing(problem.data_options.missing),
            **_chosen_events(problem),
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
        factors=factors,
        version=version("onnxtaylor"),
        notices=tuple(notices),
        ranked=ranked.labels,
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


def _data_summary(problem: Problem, ranked: Ranked) -> DataSummary:
    """Describes the data, without their events."""
    members = [] if ranked.grouping is None else ranked.grouping.members(ranked.names)
    return DataSummary(
        sources=tuple(problem.source.origins),
        events=0,
        sum_weight=0.0,
        n_eff=0.0,
        groups=(),
        features=problem.features,
        variables=tuple(map(VariableSummary, ranked.labels, members)) if members else (),
        negative_weights=problem.survey.negative,
    )
