"""A task of Dask: sums the events of a part. A worker opens model and data once for all of them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import onnx

from onnxtaylor.errors import OptionError
from onnxtaylor.graph import LoadedModel
from onnxtaylor.options import DataOptions, EngineOptions, ModelOptions, StatisticsOptions
from onnxtaylor.problem import Problem
from onnxtaylor.problem.events import Events
from onnxtaylor.problem.looked import KnownSurvey
from onnxtaylor.run.begun import Begun, begin
from onnxtaylor.run.divided.part import Sums, sum_range
from onnxtaylor.runtime.available import default_bytes
from onnxtaylor.statistics.checkpoint import different_facts

__all__ = ["Job", "add", "keep", "run"]


@dataclass(frozen=True, eq=False)
class Job:
    """An analysis as a worker needs it.

    Parameters
    ----------
    key
        Name of the analysis, by which a worker knows what it has opened.
    model, path, sha256
        The model as bytes, with its external tensors, and the name and hash of its file.
    x
        The events: names of files that the worker can open, or arrays.
    of_model, of_data, of_engine, of_statistics, pairs
        The options, with the number of replicates that are made.
    known
        The survey of all events; None: a worker reads them all once.
    facts
        What the sums depend on.
    sharing
        Number of threads of workers that share the memory of a machine.
    """

    key: str
    model: bytes
    path: str
    sha256: str
    x: Events
    of_model: ModelOptions
    of_data: DataOptions
    of_engine: EngineOptions
    of_statistics: StatisticsOptions
    pairs: str | None
    known: KnownSurvey | None
    facts: Mapping[str, Any]
    sharing: int


# engines are not made for several tasks at a time: each thread of a worker has its own
_opened = threading.local()


def keep(job: Job) -> Job:
    """Returns the job: a task of its own, which another worker can do again where one dies."""
    return job


def run(job: Job, start: int, stop: int) -> Sums:
    """Sums the events ``start`` to ``stop`` − 1.

    Raises as ``analyze`` does, and OptionError where this worker does not have the same data.
    """
    begun: Begun | None = getattr(_opened, "begun", None)
    if begun is None or _opened.key != job.key:
        _opened.begun = begun = _begin(job)
        _opened.key = job.key
    return sum_range(begun, start, stop)


def add(a: Sums, b: Sums) -> Sums:
    """Returns the sums over the events of both, which stay as they are."""
    return deepcopy(a).merge(b)


def _begin(job: Job) -> Begun:
    """Opens the model and its data, and makes the engine."""
    options = job.of_engine
    if options.memory is None:
        options = replace(options, memory=str(default_bytes() // job.sharing))
    problem = Problem.open(
        LoadedModel(onnx.load_from_string(job.model), job.path, job.sha256),
        job.x,
        job.of_model,
        job.of_data,
        derivatives=options.finite_step is None,
        provider=options.provider,
        seed=job.of_statistics.seed,
        known=job.known,
    )
    begun = begin(problem, options, job.of_statistics, job.pairs)
    if differ := different_facts(begun.facts(), job.facts):
        raise OptionError(f"a worker has another analysis than its client: {differ}")
    return begun
