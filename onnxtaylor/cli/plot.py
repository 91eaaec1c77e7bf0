"""``onnxtaylor plot``: figures of a saved result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onnxtaylor.cli import options

__all__ = ["plot"]


def plot(
    result: options.Result,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder for the figures; made if missing.")
    ] = Path("figures"),
    format: Annotated[
        list[str] | None,
        typer.Option(help="png, pdf or svg; may be repeated. Default: png.", show_default=False),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Class, or all (default).", show_default=False)
    ] = None,
) -> None:
    """Draws the bars, the falling curve, the matrix and the first order of all responses.

    Example: onnxtaylor plot result.json -o figures --format pdf --format png
    """
    from onnxtaylor.plot import save_figures
    from onnxtaylor.result import TaylorResult

    loaded = TaylorResult.load(result)
    for path in save_figures(loaded, out, formats=tuple(format or ("png",)), group=group):
        print(path)
