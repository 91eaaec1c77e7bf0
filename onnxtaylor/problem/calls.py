"""The first arguments of a public function: a model and data, or a ``Problem`` opened before."""

from __future__ import annotations

from collections.abc import Iterable

from onnxtaylor.errors import OptionError
from onnxtaylor.options import DataOptions, ModelOptions
from onnxtaylor.problem.events import Events
from onnxtaylor.problem.looked import KnownSurvey
from onnxtaylor.problem.problem import ModelSource, Problem
from onnxtaylor.progress import Progress

__all__ = ["problem_of", "refuse_beside_problem"]


def problem_of(
    model: ModelSource | Problem,
    x: Events | None,
    given: Iterable[str],
    model_options: ModelOptions,
    data_options: DataOptions,
    *,
    derivatives: bool = True,
    provider: str = "auto",
    seed: int = 0,
    known: KnownSurvey | None = None,
    progress: Progress | None = None,
) -> Problem:
    """Opens a problem, or returns the ``Problem`` that the caller gave in place of a model.

    ``given`` are the names of the options in the call, ``known`` is a survey of the data.
    Raises OptionError for data or options together with a problem, which has them already, and for
    a model without data.
    """
    if isinstance(model, Problem):
        refuse_beside_problem(x, given)
        return model
    return Problem.open(
        model,
        x,
        model_options,
        data_options,
        derivatives=derivatives,
        provider=provider,
        seed=seed,
        known=known,
        progress=progress,
    )


def refuse_beside_problem(x: object, given: Iterable[str]) -> None:
    """Raises OptionError for data, and for options of model and data, together with a problem."""
    if x is not None:
        raise OptionError("x must be left out: the problem has its data already")
    settled = {*ModelOptions.__dataclass_fields__, *DataOptions.__dataclass_fields__}
    settled |= {"provider", "n_features", "survey"}
    for name in given:
        if name in settled:
            raise OptionError("must be given to Problem.open, which was called before", option=name)
