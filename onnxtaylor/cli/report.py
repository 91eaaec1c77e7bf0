"""``onnxtaylor report``: a saved result as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onnxtaylor.cli import console, options, responses

__all__ = ["report"]


def report(
    result: options.Result,
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
    output_names: responses.Names = None,
    classes: responses.Classes = None,
) -> None:
    """Writes a page to read and to hand on: summary, figures, tables, matrix, checks.

    One file that loads nothing, for any browser, a phone, or a printer. The environment's
    SOURCE_DATE_EPOCH fixes its only date.

    Example:

    onnxtaylor report result.json -o report.html
    """
    options.writable({"-o": out}, inputs=[result])
    from onnxtaylor.files.whole import write_whole
    from onnxtaylor.views.report import html

    loaded = responses.load_named(result, output_names, classes)
    write_whole(out, html(loaded, title=title).encode(errors="backslashreplace"))
    print(console.printable(out, limit=4096))
