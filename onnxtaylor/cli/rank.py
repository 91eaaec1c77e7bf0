"""``onnxtaylor rank``: tables of a saved result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from onnxtaylor.cli import console, options

__all__ = ["rank"]


def rank(
    result: options.Result,
    top: Annotated[int, typer.Option(help="Rows of the table.", min=1)] = 20,
    output: Annotated[
        str | None, typer.Option(help="Response. Default: the first.", show_default=False)
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Class, or all (default).", show_default=False)
    ] = None,
    order: Annotated[
        int | None, typer.Option(help="Only this order of derivatives.", show_default=False)
    ] = None,
    feature: Annotated[
        str | None,
        typer.Option(
            help="Only coefficients with this feature; * and ? stand for others.",
            show_default=False,
        ),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Saves the whole tidy table (CSV).", show_default=False)
    ] = None,
    json: options.Json = False,
) -> None:
    """Prints the highest ranked coefficients of a saved result.

    Example: onnxtaylor rank result.json --top 50 --feature 'DER_mass*'
    """
    options.writable(csv, "--csv")
    from onnxtaylor.ranking import ranked_rows, write_csv
    from onnxtaylor.result import TaylorResult

    loaded = TaylorResult.load(result)
    rows = ranked_rows(
        loaded, count=top, output=output, group=group, order=order, feature=feature
    )
    if csv is not None:
        write_csv(loaded, csv)
    if json:
        import json as encoder

        print(encoder.dumps(rows, indent=1, ensure_ascii=False))
        return
    c, g = loaded.position(output, group)
    title = console.printable(loaded.outputs[c])
    if g:
        title += f", events of {console.printable(loaded.groups[g])}"
    console.show(
        console.summary(loaded),
        console.ranking_table(rows, title=title, total=len(loaded.indices)),
    )
