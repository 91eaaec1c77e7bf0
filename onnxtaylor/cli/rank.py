"""``onnxtaylor rank``: tables of a saved result."""

from __future__ import annotations

import json as encoder
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onnxtaylor.cli import console, options, responses
from onnxtaylor.errors import OptionError
from onnxtaylor.results.summaries import units_apart

if TYPE_CHECKING:
    from onnxtaylor.results.ranking import Column
    from onnxtaylor.results.taylor import TaylorResult

__all__ = ["rank"]


def rank(
    result: options.Result,
    top: options.Top = 20,
    output: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Response. Default: the first.", show_default=False),
    ] = None,
    group: options.Group = None,
    per_class: Annotated[
        bool,
        typer.Option(
            "--per-class",
            metavar="",
            help="All responses side by side, each over the events of its own class (CMS"
            " convention). Which that is, the result or --classes must tell.",
        ),
    ] = False,
    side_by_side: Annotated[
        bool,
        typer.Option(
            "--side-by-side",
            metavar="",
            help="All responses side by side, over the events of --group.",
        ),
    ] = False,
    scores: Annotated[
        bool, typer.Option("--scores", metavar="", help="⟨t⟩ in the tables side by side.")
    ] = False,
    output_names: responses.Names = None,
    classes: responses.Classes = None,
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
    format: Annotated[
        str, typer.Option(metavar="NAME", help="text, markdown, or latex (for booktabs).")
    ] = "text",
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE", help="Saves the table, not printed.", show_default=False
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

    onnxtaylor rank result.json --top 50 --per-class --format latex -o top.tex
    """
    options.writable({"-o": out, "--csv": csv}, inputs=[result])
    beside = per_class or side_by_side
    _agree(beside=beside, output=output, scores=scores, json=json, format=format)
    from onnxtaylor.files.whole import write_whole
    from onnxtaylor.results.ranking import Column, ranked_columns, ranked_rows
    from onnxtaylor.results.tidy import write_table

    loaded = responses.load_named(result, output_names, classes)
    chosen: dict[str, Any] = {"count": top, "order": order, "feature": feature}
    if beside:
        columns = ranked_columns(loaded, group=group, per_class=per_class, **chosen)
    else:
        c, g = loaded.position(output, group)
        rows = ranked_rows(loaded, output=output, group=group, **chosen)
        columns = [Column(loaded.outputs[c], loaded.groups[g], rows)]
    if csv is not None:
        write_table(loaded.to_arrow(), csv)
    if json:
        found = [row for column in columns for row in column.rows]
        text = encoder.dumps(found, indent=1, ensure_ascii=False) + "\n"
    else:
        text = _table(loaded, columns, beside=beside, scores=scores, format=format, shown=not out)
    if out is not None:
        write_whole(out, text.encode(errors="backslashreplace"))
    elif text:
        console.document(text)
    apart = None if json else units_apart(loaded.data.features, loaded.options.get("scale"))
    console.warn(filter(None, [apart]))
    for path in filter(None, (out, csv)):
        console.note(f"saved {console.printable(path)}")


def _agree(*, beside: bool, output: str | None, scores: bool, json: bool, format: str) -> None:
    """Raises OptionError for options that contradict one another."""
    if beside and output is not None:
        raise OptionError("--output chooses one response: leave it out of tables side by side")
    if scores and not beside:
        raise OptionError("--scores goes with --per-class or --side-by-side: one response alone"
                          " has its ⟨t⟩ in the table")  # fmt: skip
    if json and format != "text":
        raise OptionError(f"--json and --format {console.printable(format)}: choose one of them")


def _table(
    result: TaylorResult,
    columns: Sequence[Column],
    *,
    beside: bool,
    scores: bool,
    format: str,
    shown: bool,
) -> str:
    """The table as text; for the terminal it is printed, and nothing is left to print."""
    from onnxtaylor.views import tables

    column, total = columns[0], len(result.indices)
    group = None if column.group == result.groups[0] else column.group
    title = console.title(column.output, group)
    if beside:
        cells = tables.side_by_side(columns, scores=scores)
    else:
        cells = tables.listing(column.rows, title)
    if format != "text":
        return tables.written(cells, format)
    above = console.summary(result)
    if beside:  # above, since the title of a narrow table is folded
        above += f"\n\n{console.printable(cells.caption, limit=400)}"
        table = console.table_of(cells)
    else:
        table = console.ranking_table(column.rows, title=title, total=total)
    if shown:
        console.show(above, table)
        return ""
    with redirect_stdout(StringIO()) as text:
        console.show(above, table)
    return text.getvalue()
