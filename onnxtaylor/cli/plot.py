"""``onnxtaylor plot``: figures of a saved result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onnxtaylor.cli import console, options

__all__ = ["plot"]


def plot(
    result: options.Result,
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", metavar="FOLDER", help="Folder for the figures; made if missing."
        ),
    ] = Path("figures"),
    format: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="png, pdf or svg; may be repeated. Default: png.",
            show_default=False,
        ),
    ] = None,
    group: options.Group = None,
) -> None:
    """Draws bars, falling curve and matrix, and the first order and a table of all responses.

    Example:

    onnxtaylor plot result.json -o figures --format pdf --format png
    """
    from onnxtaylor.plot import save_figures

    loaded = options.load_result(result)
    for path in save_figures(loaded, out, formats=tuple(format or ("png",)), group=group):
        print(console.printable(path, limit=4096))
