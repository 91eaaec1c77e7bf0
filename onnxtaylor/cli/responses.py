"""Options that name the responses of a model and say which class each of them belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from onnxtaylor.cli import options
from onnxtaylor.cli.names import parse_names

if TYPE_CHECKING:
    from onnxtaylor.results.taylor import TaylorResult

__all__ = ["Classes", "Names", "PerClass", "load_named", "parsed"]

Names = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        help="What tables and figures call the response nodes, in the order of the model: a,b,c or"
        " @FILE with one a line.",
        rich_help_panel=options.MODEL,
        show_default=False,
    ),
]
Classes = Annotated[
    str | None,
    typer.Option(
        metavar="LABELS",
        help="The class that each response node is the score of, by its label in the data, in the"
        " order of the model: a,b,c or @FILE. Names the responses, too.",
        rich_help_panel=options.MODEL,
        show_default=False,
    ),
]
PerClass = Annotated[
    bool,
    typer.Option(
        "--per-class",
        metavar="",
        help="Each response over the events of its own class (CMS convention). Which that is, the"
        " model's names, labels 0, 1, 2, … or --classes must tell.",
    ),
]


class Given(TypedDict):
    """Names of responses as arguments of ``analyze``."""

    output_names: list[str] | None
    classes: list[str] | None


def parsed(output_names: str | None, classes: str | None) -> Given:
    """The texts of ``--output-names`` and ``--classes`` as arguments of ``analyze``."""
    return {
        "output_names": parse_names("--output-names", output_names),
        "classes": parse_names("--classes", classes),
    }


def load_named(path: Path, output_names: str | None, classes: str | None) -> TaylorResult:
    """A saved result with these names of its responses. Raises ResultError, OptionError."""
    return options.load_result(path).renamed(**parsed(output_names, classes))
