"""Everything that the sums of an analysis depend on: sums of other facts are not put together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from onnxtaylor.engine.base import Engine
from onnxtaylor.files.names import tables_of
from onnxtaylor.options import EngineOptions, StatisticsOptions
from onnxtaylor.problem import Problem
from onnxtaylor.run.pairs import PairChoice

__all__ = ["column_words", "file_facts", "file_name", "list_facts", "plain_facts"]

FREE = ("threads", "batch_size", "memory")  # options that change no number but by round-off


def list_facts(
    problem: Problem,
    engine: Engine,
    options: EngineOptions,
    statistics: StatisticsOptions,
    choice: PairChoice | None,
) -> dict[str, Any]:
    """Lists what sums depend on, as JSON values, each under a name that a message can say.

    ``statistics`` has the number of bootstrap replicates that are made.
    """
    survey = problem.survey
    values = (survey.mean, survey.std, survey.largest, survey.spread)
    kept = {f.name: getattr(options, f.name) for f in fields(options) if f.name not in FREE}
    facts: dict[str, Any] = {
        "version": version("onnxtaylor"),
        "model": problem.model.sha256,
        "weights of the model": problem.model.content_sha256,
        "responses": problem.response_names,
        "fixed inputs": [(p.name, v.tolist()) for p, v in problem.choice.held],
        "inputs": [p.name for p in problem.choice.features],
        "specification": repr(problem.choice.specification),
        "files": [file_name(origin) for origin in problem.source.origins],
        "features": list(problem.feature_names),
        "number of events": survey.events,
        "sum of the weights": [survey.sum_weight, survey.sum_weight2],
        "classes": {name: list(sums) for name, sums in survey.classes.items()},
        "values of the features": hashlib.sha256(
            b"".join(np.ascontiguousarray(array).tobytes() for array in values)
        ).hexdigest(),
        "engine that was chosen": engine.name,
        "quantity": engine.quantity,
        "precision that was chosen": engine.precision,
        "pairs": None if choice is None else choice.pairs,
        **kept,
        "link": problem.function.link,
        "missing": problem.data_options.missing,
        "weights": column_words(problem.data_options.weights),
        "where": problem.data_options.where,
        "fold": problem.data_options.fold,
        "bootstrap": statistics.bootstrap,
        "seed": statistics.seed,
        "by": statistics.by,
        "reduce": statistics.reduce,
        # reduced, coefficients are scaled before they are summed
        "scale": statistics.scale if statistics.by not in (None, "feature") else None,
    }
    return plain_facts(facts)


def file_name(origin: str) -> str:
    """Returns the name of a file without its folders, with its tree.

    >>> file_name("/data/events.root:dir/Events")
    'events.root:dir/Events'
    """
    table = tables_of([origin])[0]
    name = Path(table.place).name
    return name if table.tree is None else f"{name}:{table.tree}"


def column_words(value: object) -> object:
    """Returns the name of a column, or several, or a number, as it is; an array is one."""
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        return list(value)
    return value if value is None or isinstance(value, str | int) else "an array"


def plain_facts(facts: Mapping[str, object]) -> dict[str, Any]:
    """Returns facts as they come back from JSON."""
    plain: dict[str, Any] = json.loads(json.dumps(facts, default=str))
    return plain


def file_facts(origins: Sequence[str], *, times: bool) -> dict[str, Any]:
    """Returns the size of each file of the data, and its time where ``times`` are asked for.

    What is no file by its name, such as an array in memory, has none.
    """
    found = {}
    for origin in origins:
        try:
            known = Path(tables_of([origin])[0].place).stat()
        except (OSError, ValueError):
            continue
        name = origin if times else file_name(origin)
        found[name] = [known.st_size, known.st_mtime_ns] if times else [known.st_size]
    return plain_facts({"sizes and times of the files" if times else "sizes of the files": found})
