"""Options of a command, derived from the declarations in ``onnxtaylor.options``.

    @takes(DataOptions, StatisticsOptions, without=("resume",))
    def work(data: Data, **options: Any) -> None: ...

has the flags ``--features``, ``--label``, …, ``--bootstrap``, … besides its own, and gets those
that were given, or that have a default, as the keywords that the library's functions take.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import Field, fields
from functools import wraps
from inspect import Parameter, signature
from typing import Annotated, Any, get_type_hints

import typer

from onnxtaylor.cli.flags import flags_in_help
from onnxtaylor.cli.forms import Form, form_of
from onnxtaylor.options import (
    DataOptions,
    EngineOptions,
    ModelOptions,
    PairOptions,
    StatisticsOptions,
)
from onnxtaylor.options.declare import declaration, flag_name, take_fields
from onnxtaylor.options.division import ClusterOptions, ShardOptions
from onnxtaylor.options.gof import GofDataOptions, GofOptions
from onnxtaylor.options.process import ProcessOptions
from onnxtaylor.options.selection import JoinOptions

__all__ = ["COLUMNS", "MODEL", "NAMES", "RUN", "takes"]

COLUMNS, MODEL, RUN, TESTS, GOF = "Data", "Model", "Run", "Tests", "Goodness of fit"
LIMITS = "Limits"
PANELS: dict[type[Any], str] = {  # of the help; other options stand among the command's own
    ModelOptions: MODEL,
    DataOptions: COLUMNS,
    EngineOptions: RUN,
    PairOptions: RUN,
    ShardOptions: RUN,
    ClusterOptions: RUN,
    StatisticsOptions: RUN,
    GofDataOptions: COLUMNS,
    GofOptions: TESTS,
    JoinOptions: GOF,
    ProcessOptions: LIMITS,
}
NAMES = ("output_names", "classes")  # of responses: what a saved result can be given anew
LAST = ("json", "quiet")  # of the options of a command
LARGEST = 10**6  # a limit beyond it is no news in the help

Command = Callable[..., None]


def takes(
    *kinds: type[Any],
    only: Collection[str] | None = None,
    without: Collection[str] = (),
    texts: Mapping[str, str] | None = None,
    defaults: bool = True,
) -> Callable[[Command], Command]:
    """Decorates a command: it takes the options that these dataclasses declare.

    Parameters
    ----------
    kinds
        Dataclasses whose fields are made by ``onnxtaylor.options.declare.option``.
    only, without
        Names of the fields that are taken, or left out.
    texts
        Meanings of some of them in this command, where they differ from those declared.
    defaults
        False: an option that is not given is no keyword of the command, whatever its default.

    The keywords are checked as the dataclasses do it, before the command runs.
    """
    declared = {
        f.name: (kind, f)
        for kind in kinds
        for f in fields(kind)
        if f.name not in without and (only is None or f.name in only)
    }

    def decorate(command: Command) -> Command:
        own = signature(command)
        hints = get_type_hints(command, include_extras=True)
        parameters = [
            p.replace(annotation=hints[p.name], kind=p.KEYWORD_ONLY)
            for p in own.parameters.values()
            if p.kind is not p.VAR_KEYWORD
        ]
        first = [p for p in parameters if p.name not in LAST and _panel(p) is None]
        others = [p for p in parameters if p not in first]
        derived = [
            _parameter(kind, f, defaults, (texts or {}).get(f.name))
            for kind, f in declared.values()
        ]
        parameters = [*first, *derived, *others]

        @wraps(command)
        def run(*arguments: Any, **given: Any) -> None:
            options = dict(_keywords([f for _, f in declared.values()], given))
            for kind in kinds:  # raises for what makes no sense
                take_fields(kind, options)
            command(*arguments, **given, **options)

        shown: Any = run
        shown.__signature__ = own.replace(parameters=parameters)
        shown.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": None}
        return run

    return decorate


def _keywords(declared: list[Field[Any]], given: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Selects the options among typer's arguments, as keywords of the library."""
    for f in declared:
        value, form = given.pop(f.name), form_of(f.name, str(f.type))
        if value is None or value == []:
            continue
        yield f.name, value if form.parse is None else form.parse(f.name, value)


def _panel(parameter: Parameter) -> str | None:
    """Returns the title of the help panel that shows a command's own option."""
    for info in getattr(parameter.annotation, "__metadata__", ()):
        return getattr(info, "rich_help_panel", None)
    return None


def _parameter(kind: type[Any], f: Field[Any], defaults: bool, text: str | None) -> Parameter:
    """Returns the function parameter from which typer makes the option."""
    known, form = declaration(f), form_of(f.name, str(f.type))
    flag = f"--{flag_name(f)}"
    default = f.default if defaults and not isinstance(f.default, tuple) else None
    if default is not None and form.type == list[str]:
        default = [default]
    if form.type is bool:
        default = f.default
        flag += f"/--no-{flag_name(f)}" if default else ""
    option = typer.Option(
        flag,
        metavar=known.metavar,
        help=_help(f, form, text),
        min=None if form.type not in (int, float) else known.minimum,
        max=None if (known.maximum or LARGEST) >= LARGEST else known.maximum,
        show_default=default is not None and default is not False,
        rich_help_panel=PANELS.get(kind),
    )
    return Parameter(
        f.name,
        Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[form.type if default is not None else form.type | None, option],
    )


def _help(f: Field[Any], form: Form, text: str | None) -> str:
    """Returns meaning, choices and form of an option, for typer's rich text."""
    text = text or declaration(f).sentence
    sentences = [text, form.words] if form.words else [text]
    return flags_in_help("".join(f"{sentence}. " for sentence in sentences).strip()).replace(
        "[", r"\["
    )
