"""Options as keywords of the public functions: which function takes which; others are refused."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from textwrap import fill
from typing import Any, TypeVar, overload

from onnxtaylor.errors import OptionError, name_hint, printable
from onnxtaylor.options.data import DataOptions
from onnxtaylor.options.declare import declaration, take_fields
from onnxtaylor.options.division import ClusterOptions, ShardOptions
from onnxtaylor.options.engine import EngineOptions
from onnxtaylor.options.gof import GofOptions
from onnxtaylor.options.model import DerivativeOptions, ModelOptions
from onnxtaylor.options.pairs import PairOptions
from onnxtaylor.options.statistics import StatisticsOptions

__all__ = ["FUNCTIONS", "Taken", "read_keywords", "with_options"]

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
Function = TypeVar("Function", bound=Callable[..., Any])
WIDTH = 100


@dataclass(frozen=True)
class Taken:
    """Options that a function takes: the fields of ``kinds`` but those named in ``without``.

    ``keywords`` is the name of the TypedDict in ``onnxtaylor.options.keywords``, ``own`` the
    keywords of the function that are no options.
    """

    keywords: str
    kinds: tuple[type[Any], ...]
    without: tuple[str, ...] = ()
    own: tuple[str, ...] = ("progress",)

    @property
    def fields(self) -> tuple[Field[Any], ...]:
        """Fields of the declared options, kind by kind."""
        return tuple(f for kind in self.kinds for f in fields(kind) if f.name not in self.without)


ALL = (ModelOptions, DataOptions, EngineOptions, StatisticsOptions)

FUNCTIONS = {
    "analyze": Taken(
        "AnalyzeKeywords",
        (*ALL, PairOptions, ClusterOptions),
        own=("client", "progress", "announce"),
    ),
    "analyze_part": Taken(
        "PartKeywords",
        (*ALL, PairOptions, ShardOptions, ClusterOptions),
        without=("fold", "resume", "dask"),
    ),
    "survey_data": Taken(
        "SurveyKeywords",
        (ModelOptions, DataOptions, ShardOptions),
        without=("fold", "sample"),
    ),
    "plan": Taken("PlanKeywords", ALL),
    "cross_check": Taken(
        "CheckKeywords",
        ALL,
        without=(
            *("classes", "labels", "weights", "fold", "events", "sample"),
            *("engine", "finite_step", "batch_size"),
            *("by", "reduce", "scale", "bootstrap", "per_class", "check", "resume"),
        ),
        own=("events", "progress"),
    ),
    "compare_models": Taken(
        "CompareKeywords",
        ALL,
        without=("fold", "check", "check_method"),
        own=("output_b", "significance", "least", "progress"),
    ),
    "LearningProgress": Taken(
        "TrackKeywords",
        ALL,
        without=(
            *("files_by_class", "fold", "events", "sample", "by", "reduce"),
            *("finite_step", "precision", "accuracy", "mixed", "batch_size", "provider"),
            *("bootstrap", "per_class", "check", "check_method", "resume"),
        ),
        own=("sample", "progress"),
    ),
    "differentiate": Taken(
        "DifferentiateKeywords",
        (ModelOptions, DerivativeOptions, EngineOptions),
        without=(
            *("output_names", "classes"),
            *("engine", "finite_step", "curvature", "curvature_step"),
            *("precision", "accuracy", "mixed", "batch_size"),
            "mode",  # it decides what is returned
        ),
        own=("mode",),
    ),
    "audit": Taken(
        "AuditKeywords",
        ALL,
        without=("fold",),
        own=(
            *("baseline", "reference", "gof", "strict", "progress"),
            *("isolated", "timeout", "opening_time", "opening_memory"),
        ),
    ),
    "goodness_of_fit": Taken(
        "GofKeywords",
        (GofOptions,),
        own=("features", "weights", "observed_weights", "exclude", "missing", "progress"),
    ),
}


@overload
def read_keywords(function: str, keywords: Mapping[str, object], first: type[A], /) -> tuple[A]: ...
@overload
def read_keywords(
    function: str, keywords: Mapping[str, object], first: type[A], second: type[B], /
) -> tuple[A, B]: ...
@overload
def read_keywords(
    function: str,
    keywords: Mapping[str, object],
    first: type[A],
    second: type[B],
    third: type[C],
    /,
) -> tuple[A, B, C]: ...
@overload
def read_keywords(
    function: str,
    keywords: Mapping[str, object],
    first: type[A],
    second: type[B],
    third: type[C],
    fourth: type[D],
    /,
) -> tuple[A, B, C, D]: ...
@overload
def read_keywords(
    function: str,
    keywords: Mapping[str, object],
    first: type[A],
    second: type[B],
    third: type[C],
    fourth: type[D],
    fifth: type[E],
    /,
) -> tuple[A, B, C, D, E]: ...
def read_keywords(
    function: str, keywords: Mapping[str, object], /, *kinds: type[Any]
) -> tuple[Any, ...]:
    """Makes instances of option dataclasses from the keywords of a call.

    Each dataclass gets the keywords that are its fields; fields that are not given have their
    defaults. Raises OptionError for a keyword that the function does not take, naming the nearest
    one.

    >>> read_keywords("analyze", {"bootstap": 50}, StatisticsOptions)
    Traceback (most recent call last):
    onnxtaylor.errors.OptionError: analyze has no option 'bootstap': did you mean 'bootstrap'?
    """
    taken = FUNCTIONS[function]
    known = [f.name for f in taken.fields]
    for name in keywords:
        # a keyword of its own is no unknown one: some functions pass theirs on
        if name not in known and name not in taken.own:
            raise OptionError(
                f"{function} has no option '{printable(name)}'"
                + name_hint(name, [*known, *taken.own])
            )
    return tuple(take_fields(kind, keywords) for kind in kinds)


def with_options(function: str) -> Callable[[Function], Function]:
    """Decorates a function of ``FUNCTIONS``: ``help()`` shows its options with their defaults.

    In its signature they stand in place of ``**options``, in its docstring as a section of their
    own.
    """
    taken = FUNCTIONS[function]

    def decorate(decorated: Function) -> Function:
        signature = inspect.signature(decorated)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        options = [
            inspect.Parameter(
                f.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=_default(f),
                annotation=f.type,
            )
            for f in taken.fields
        ]
        shown: Any = decorated
        shown.__signature__ = signature.replace(parameters=[*own, *options])
        if decorated.__doc__:
            decorated.__doc__ = inspect.cleandoc(decorated.__doc__) + _section(taken)
        return decorated

    return decorate


def _default(f: Field[Any]) -> Any:
    """Returns the default of an option as it stands in a signature."""
    return inspect.Parameter.empty if f.default is MISSING else f.default


def _section(taken: Taken) -> str:
    """Returns the options as a section of a docstring in NumPy's style."""
    lines = ["\n\nOther Parameters\n----------------"]
    for f in taken.fields:
        meaning = fill(
            f"{declaration(f).sentence}.",
            WIDTH - 8,
            initial_indent="    ",
            subsequent_indent="    ",
        )
        lines.append(f"{f.name} : {f.type}, default {f.default!r}\n{meaning}")
    return "\n".join(lines) + "\n"
