"""``onnxtaylor report``: a saved result as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from onnxtaylor.cli import console, files
from onnxtaylor.cli.declared import NAMES, takes
from onnxtaylor.cli.options import Result
from onnxtaylor.options import ModelOptions

__all__ = ["report"]


@takes(ModelOptions, only=NAMES)
def report(
    result: Result,
    out: Annotated[
        Path,
        typer.Option("-o", "--out", metavar="FILE", help="The page; it is replaced if it exists."),
    ] = Path("report.html"),
    title: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="Heading. Default: it names the model's file.", show_default=False
        ),
    ] = None,
    **names: Any,
) -> None:
    """Writes a page to read and to hand on: summary, figures, tables, matrix, checks.

    One file that loads nothing, for any browser, a phone, or a printer. The environment's
    SOURCE_DATE_EPOCH fixes its only date.

    Example:

    onnxtaylor report result.json -o report.html
    """
    files.writable({"-o": out}, inputs=[result], options=names)
    from onnxtaylor.files.whole import write_whole
    from onnxtaylor.views.report import html

    loaded = files.load_result(result, **names)
    write_whole(out, html(loaded, title=title).encode(errors="backslashreplace"))
    console.note_saved((), out)
