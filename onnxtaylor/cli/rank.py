"""``onnxtaylor rank``: tables of a saved result."""

from __future__ import annotations

import json as encoder
from pathlib import Path
from typing import Annotated

import typer

from onnxtaylor.cli import console, options

__all__ = ["rank"]


def rank(
    result: options.Result,
    top: options.Top = 20,
    output: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Response. Default: the first.", show_default=False),
    ] = None,
    group: options.Group = None,
    order: Annotated[
        int | None,
        typer.Option(metavar="N", help="Only this order of derivatives.", show_default=False),
    ] = None,
    feature: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Only coefficients with this feature; * and ? stand for others.",
            show_default=False,
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Saves the whole tidy table (CSV).", show_default=False),
    ] = None,
    json: options.Json = False,
) -> None:
    """Prints the highest ranked coefficients of a saved result.

    Example:

    onnxtaylor rank result.json --top 50 --feature 'DER_mass*'
    """
    options.writable({"--csv": csv}, inputs=[result])
    from onnxtaylor.ranking import ranked_rows, write_csv

    loaded = options.load_result(result)
    rows = ranked_rows(loaded, count=top, output=output, group=group, order=order, feature=feature)
    if csv is not None:
        write_csv(loaded, csv)
    if json:
        console.document(encoder.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    else:
        c, g = loaded.position(output, group)
        title = console.title(loaded.outputs[c], loaded.groups[g] if g else None)
        total = len(loaded.indices)
        console.show(console.summary(loaded), console.ranking_table(rows, title=title, total=total))
    if csv is not None:
        console.note(f"saved {console.printable(csv)}")
