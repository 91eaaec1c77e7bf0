"""``onnxtaylor plot``: figures of a saved result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from onnxtaylor.cli import console, files
from onnxtaylor.cli.declared import NAMES, takes
from onnxtaylor.cli.options import Group, PerClass, Result
from onnxtaylor.options import ModelOptions

__all__ = ["plot"]


What = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="scores (bars), curve (all by rank) and matrix, a file for each response; outputs"
        " (first order) and table (all orders) of all responses side by side; all. May be"
        " repeated. Default: scores, curve and matrix of one response, outputs and table of"
        " several.",
        show_default=False,
    ),
]
Output = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Response whose scores, curve and matrix are drawn; may be repeated. Default: all"
        " responses.",
        show_default=False,
    ),
]
Top = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Coefficients in scores (default: 30) and table (50), features in matrix and"
        " outputs (all).",
        min=1,
        show_default=False,
    ),
]
Format = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="png, pdf or svg; may be repeated. Default: png.",
        show_default=False,
    ),
]


@takes(ModelOptions, only=NAMES)
def plot(
    result: Result,
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", metavar="FOLDER", help="Folder for the figures; created if missing."
        ),
    ] = Path("figures"),
    what: What = None,
    output: Output = None,
    top: Top = None,
    format: Format = None,
    group: Group = None,
    per_class: PerClass = False,
    **names: Any,
) -> None:
    """Draws bars, falling curve and matrix, and the first order and a table of all responses.

    Example:

    onnxtaylor plot result.json -o figures --format pdf --format png

    onnxtaylor plot result.json --output ggh --what scores --top 20
    """
    from onnxtaylor.views.plot import save_figures

    loaded = files.load_result(result, **names)
    for path in save_figures(
        loaded,
        out,
        formats=tuple(format or ("png",)),
        group=group,
        what=what,
        output=output,
        top=top,
        per_class=per_class,
    ):
        console.note_saved((), path)
    if len(loaded.outputs) > 1 and not what and not output:
        console.note(
            f"{len(loaded.outputs)} responses side by side; scores, curve and matrix of one:"
            " --output NAME, of each: --what all"
        )
